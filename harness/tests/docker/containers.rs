//! Clusters of the target `containers`.

use targets::{ContainersOptions, open_containers};

use crate::common::{RCT, image, run, with_engine};
use crate::compose::as_planned;

#[test]
fn clusters_are_as_planned() {
    with_engine(|| {
        let release = "redis-7.0";
        let image = Some(image(release));
        run(async {
            let options = ContainersOptions { image, rct: Some(RCT.into()) };
            let target = open_containers(options).await.unwrap_or_else(|error| panic!("{error}"));
            as_planned(&target, release).await;
        });
    });
}
