//! Which file of a crate imports which: every name is followed to the file that defines it.
//!
//! `mod x;` and `pub use x::Name` are no imports: a parent may list its children and pass their names on. A parent that
//! uses such a name itself imports it, and so does a file that takes the name from the parent.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::Crate;

/// How many re-exports a name is followed through.
const REEXPORTS_MAX: usize = 16;

/// The imports between the files of one crate.
#[derive(Default)]
pub(crate) struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    /// Finds the imports of a crate.
    pub(crate) fn of(all: &Crate) -> Self {
        let mut this = Self::default();
        for (at, module) in all.modules.iter().enumerate() {
            let own = module.imports.iter().filter(|import| !import.is_reexport).map(|import| &import.path);
            for path in own.chain(&module.mentions) {
                if let Some(Place::Item(to)) = resolve(all, at, path, REEXPORTS_MAX) {
                    this.add(&module.file, to);
                }
            }
            for name in &module.macros {
                if let Some(to) = all.macros.get(name) {
                    this.add(&module.file, to);
                }
            }
        }
        this
    }

    #[cfg(test)]
    pub(crate) fn of_pairs(pairs: &[(&str, &str)]) -> Self {
        let mut this = Self::default();
        pairs.iter().for_each(|(from, to)| this.add(from, to));
        this
    }

    fn add(&mut self, from: &str, to: &str) {
        if from != to {
            self.0.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
    }

    /// The files that import others.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The files that a file imports directly.
    pub(crate) fn from(&self, file: &str) -> impl Iterator<Item = &str> {
        self.0.get(file).into_iter().flatten().map(String::as_str)
    }

    /// All imports: who imports whom.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().flat_map(|from| self.from(from).map(move |to| (from, to)))
    }
}

/// What a path leads to.
enum Place<'a> {
    Module(usize),
    /// An item, by the file that defines it.
    Item(&'a str),
}

/// Follows a path as module `at` sees it; `None` if it leads out of the crate or names something local.
fn resolve<'a>(all: &'a Crate, at: usize, path: &[String], left: usize) -> Option<Place<'a>> {
    let (first, rest) = path.split_first()?;
    let mut place = match first.as_str() {
        "crate" => Place::Module(0),
        "self" => Place::Module(at),
        "super" => Place::Module(all.modules[at].parent?),
        name => lookup(all, at, name, left)?,
    };
    for name in rest {
        let Place::Module(module) = place else { break };
        place = match name.as_str() {
            "super" => Place::Module(all.modules[module].parent?),
            name => lookup(all, module, name, left).unwrap_or(Place::Item(&all.modules[module].file)),
        };
    }
    Some(place)
}

/// Finds a name in a module: a child module, an item, or what an import brought in.
fn lookup<'a>(all: &'a Crate, at: usize, name: &str, left: usize) -> Option<Place<'a>> {
    let module = &all.modules[at];
    let left = left.checked_sub(1)?;
    if module.items.contains(name) {
        return Some(Place::Item(&module.file));
    }
    if let Some(&child) = module.children.get(name) {
        return Some(Place::Module(child));
    }
    let named = module.imports.iter().find(|import| import.name.as_deref() == Some(name));
    if let Some(import) = named {
        // The import of another crate may bear the name of a module of this one.
        return if import.path.first().is_some_and(|first| first == name) {
            None
        } else {
            resolve(all, at, &import.path, left)
        };
    }
    module.imports.iter().filter(|import| import.name.is_none()).find_map(|glob| {
        match resolve(all, at, &glob.path, left)? {
            Place::Module(module) if module != at => lookup(all, module, name, left),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::write_files;

    /// The imports of a crate of the given files, the root first.
    fn imports(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let root = write_files(folder.path(), files);
        let imports = Imports::of(&Crate::read(folder.path(), &root));
        imports.pairs().map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
    }

    fn expect(files: &[(&str, &str)], expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        assert_eq!(imports(files), expected);
    }

    #[test]
    fn a_name_is_followed_through_re_exports_to_its_file() {
        expect(
            &[
                ("lib.rs", "mod a; mod b; pub use a::Inner;"),
                ("a.rs", "mod inner; pub use inner::Inner;"),
                ("a/inner.rs", "pub struct Inner;"),
                ("b.rs", "use crate::{Inner, a}; fn f(_: a::Inner) {}"),
            ],
            &[("b.rs", "a/inner.rs")],
        );
    }

    #[test]
    fn a_child_that_takes_an_item_of_its_parent_imports_it() {
        expect(
            &[
                ("lib.rs", "mod a;"),
                ("a.rs", "mod b; pub use b::B; pub struct A(B);"),
                ("a/b.rs", "use super::A; pub struct B(Option<Box<A>>);"),
            ],
            &[("a.rs", "a/b.rs"), ("a/b.rs", "a.rs")],
        );
    }

    #[test]
    fn paths_in_code_and_in_macros_are_imports_and_tests_are_not() {
        expect(
            &[
                ("lib.rs", "mod a; mod b; mod c; mod d;"),
                ("a.rs", "fn f() { crate::b::g(); println!(\"{}\", crate::c::h()); say!(); }"),
                ("b.rs", "pub fn g() {} #[cfg(test)] mod tests { use crate::a::f; }"),
                ("c.rs", "pub fn h() {}"),
                ("d.rs", "#[macro_export] macro_rules! say { () => {} }"),
            ],
            &[("a.rs", "b.rs"), ("a.rs", "c.rs"), ("a.rs", "d.rs")],
        );
    }

    #[test]
    fn a_module_may_have_a_path_of_its_own() {
        expect(
            &[
                ("lib.rs", "#[path = \"other/b.rs\"] mod a; mod c;"),
                ("other/b.rs", "pub struct A;"),
                ("c.rs", "use crate::a::A; fn f(_: A) {}"),
            ],
            &[("c.rs", "other/b.rs")],
        );
    }

    #[test]
    fn all_names_of_a_module_can_be_taken_at_once() {
        expect(
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "pub struct A; pub struct Unused;"),
                ("b.rs", "use crate::a::*; fn f(_: A) {}"),
            ],
            &[("b.rs", "a.rs")],
        );
    }
}
