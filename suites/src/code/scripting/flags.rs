//! The flags of functions.

use super::library::{call, load};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("scripting/function-flags")
    .title("The flags no-cluster, allow-cross-slot-keys and no-writes of functions follow the rules of scripts")
    .should("functions-intro")
    .covers(&["scripting.function-flags"])
    .shape(2, 0)
    .commands(&["FCALL"])
    .body(|cluster| Box::pin(function_flags(cluster)))];

/// Functions that write the declared and the undeclared key, with different flags.
const CODE: &str = "
local function both(keys, args)
  if keys[1] then redis.call('SET', keys[1], 'declared') end
  for i = 1, #args do redis.call('SET', args[i], 'undeclared') end
  return 'done'
end
redis.register_function('{lib}_plain', both)
redis.register_function{function_name='{lib}_cross', callback=both, flags={'allow-cross-slot-keys'}}
redis.register_function{function_name='{lib}_apart', callback=both, flags={'no-cluster'}}
redis.register_function{function_name='{lib}_read', callback=both, flags={'no-writes'}}
";

async fn function_flags(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let (slot, second) = cluster.two_slots_of(&owner)?;
    let other = cluster.non_owner(slot)?;
    let foreign = cluster.slot_of(&other)?;
    let (key, same) = (cluster.keys().fresh(slot), cluster.keys().fresh(slot));
    let (beside, remote) = (cluster.keys().fresh(second), cluster.keys().fresh(foreign));
    load(cluster, &owner, CODE).await?;
    let error = || Expect::error("ERR");
    let done = || Expect::text("done");
    // The function, the declared keys, the arguments, and the answer.
    let calls: [(&str, &[&str], &[&str], Expect); 13] = [
        ("plain", &[&key, &same], &[], done()),
        ("plain", &[&key], &[&beside], error()),
        ("plain", &[], &[&key, &beside], error()),
        ("plain", &[], &[&remote], error()),
        ("cross", &[&key], &[&beside], done()),
        ("cross", &[], &[&key, &beside], done()),
        ("cross", &[&key], &[&remote], error()),
        ("cross", &[&key, &beside], &[], Expect::error("CROSSSLOT")),
        ("cross", &[&remote], &[], Expect::moved(foreign, &other)),
        ("apart", &[], &[], error()),
        ("apart", &[&key], &[], error()),
        ("read", &[&key], &[], error()),
        ("read", &[], &[], done()),
    ];
    for (function, keys, args, expect) in calls {
        cluster.expect(&owner, call(cluster, "FCALL", function, keys, args), expect).await?;
    }
    // FCALL_RO runs functions with the flag no-writes only.
    cluster.expect(&owner, call(cluster, "FCALL_RO", "cross", &[], &[]), error()).await?;
    cluster.expect(&owner, call(cluster, "FCALL_RO", "read", &[], &[]), done()).await.map(drop)
}
