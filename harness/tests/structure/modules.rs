//! Reads the files of one crate: its tree of modules, and the names that each module defines, imports and uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, ItemUse, Lit, Macro, Meta, MetaNameValue, UseTree, Visibility};

/// The segments of a path, as `["crate", "plan", "LoadPlan"]`.
pub(crate) type Segments = Vec<String>;

/// A crate: its modules, the root first. Modules that only tests see are left out.
pub(crate) struct Crate {
    pub(crate) modules: Vec<Module>,
    /// The file of each macro that `#[macro_export]` puts at the root.
    pub(crate) macros: BTreeMap<String, String>,
}

/// A module; those that are written inside another file share its file.
#[derive(Default)]
pub(crate) struct Module {
    /// Relative to the workspace.
    pub(crate) file: String,
    /// The parent's place among the modules.
    pub(crate) parent: Option<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    /// The names of the items that it defines.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// The paths in its code, without its `use` items.
    pub(crate) mentions: BTreeSet<Segments>,
    /// The names of the macros in its code.
    pub(crate) macros: BTreeSet<String>,
}

/// One name, or with `*` all names, that a `use` item brings in.
pub(crate) struct Import {
    /// `None` for `*`.
    pub(crate) name: Option<String>,
    pub(crate) path: Segments,
    /// Whether it is a re-export, as `pub use` or `pub(crate) use`.
    pub(crate) is_reexport: bool,
}

impl Crate {
    /// Reads a crate from its root file.
    pub(crate) fn read(workspace: &Path, root: &Path) -> Self {
        let mut this = Self { modules: Vec::new(), macros: BTreeMap::new() };
        this.read_file(workspace, root, root.parent().unwrap(), None);
        this
    }

    /// Reads a file whose child modules are in `folder`, and gives its place.
    fn read_file(&mut self, workspace: &Path, file: &Path, folder: &Path, parent: Option<usize>) -> usize {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("cannot parse {}: {error}", file.display()));
        let name = file.strip_prefix(workspace).unwrap().to_str().unwrap();
        self.read_items(workspace, name, folder, parsed.items, parent)
    }

    fn read_items(
        &mut self,
        workspace: &Path,
        file: &str,
        folder: &Path,
        items: Vec<Item>,
        parent: Option<usize>,
    ) -> usize {
        let at = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        for item in items {
            match item {
                Item::Mod(module) if is_for_tests(&module.attrs) => {}
                Item::Mod(ItemMod { ident, content, attrs, .. }) => {
                    let name = ident.to_string();
                    let inner = folder.join(&name);
                    let child = match (content, path_attribute(&attrs)) {
                        (Some((_, items)), _) => self.read_items(workspace, file, &inner, items, Some(at)),
                        (None, Some(path)) => {
                            let path = workspace.join(file).parent().unwrap().join(path);
                            self.read_file(workspace, &path, path.parent().unwrap(), Some(at))
                        }
                        (None, None) => self.read_file(workspace, &inner.with_extension("rs"), &inner, Some(at)),
                    };
                    self.modules[at].children.insert(name, child);
                }
                item => {
                    let attributes = attributes(&item);
                    if is_for_tests(attributes) {
                        continue;
                    }
                    if let Item::Macro(definition) = &item
                        && let Some(name) = &definition.ident
                        && attributes.iter().any(|attribute| attribute.path().is_ident("macro_export"))
                    {
                        self.macros.insert(name.to_string(), file.to_owned());
                    }
                    self.modules[at].items.extend(name_of(&item));
                    self.modules[at].visit_item(&item);
                }
            }
        }
        at
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_reexport = !matches!(item.vis, Visibility::Inherited);
        flatten(&item.tree, &mut Vec::new(), is_reexport, &mut self.imports);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mentions.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.macros.extend(called.path.segments.last().map(|segment| segment.ident.to_string()));
        // What a macro is given need not be Rust, but paths look the same everywhere.
        let tokens = called.tokens.to_string().replace("::", " :: ");
        let words: Vec<&str> = tokens.split(|c: char| c.is_whitespace() || "()[]{},;&<>".contains(c)).collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let mut at = 0;
        while at < words.len() {
            let mut path = vec![words[at].to_owned()];
            while words.get(at + 1) == Some(&"::") && at + 2 < words.len() {
                path.push(words[at + 2].to_owned());
                at += 2;
            }
            self.macros.extend(words.get(at + 1).filter(|next| **next == "!").map(|_| words[at].to_owned()));
            self.mentions.insert(path);
            at += 1;
        }
    }
}

/// Makes one import of each leaf of a `use` tree.
fn flatten(tree: &UseTree, before: &mut Segments, is_reexport: bool, imports: &mut Vec<Import>) {
    let mut leaf = |name: Option<String>, last: Option<String>| {
        let mut path: Segments = before.iter().cloned().chain(last).collect();
        // `use a::{self}` brings in `a`.
        let name = match name {
            Some(name) if name == "self" => {
                path.pop();
                path.last().cloned()
            }
            name => name,
        };
        imports.push(Import { name, path, is_reexport });
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, is_reexport, imports);
            before.pop();
        }
        UseTree::Name(name) => leaf(Some(name.ident.to_string()), Some(name.ident.to_string())),
        UseTree::Rename(rename) => leaf(Some(rename.rename.to_string()), Some(rename.ident.to_string())),
        UseTree::Glob(_) => leaf(None, None),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, is_reexport, imports)),
    }
}

/// Whether something exists only in tests: `#[cfg(test)]` or `#[test]`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg_test = attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"));
        is_cfg_test || attribute.path().is_ident("test")
    })
}

/// The file that `#[path = "..."]` names.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(MetaNameValue { path, value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), .. })
            if path.is_ident("path") =>
        {
            Some(text.value())
        }
        _ => None,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Writes files below a folder, for tests of what reads them.
pub(crate) fn write_files(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    for (name, text) in files {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder.join(files[0].0)
}
