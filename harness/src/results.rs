//! The folder of a run: where its record, its reports and its transcripts are written, and read back.

/// Returns the path of a check's transcript within the run's folder.
pub fn transcript_path(id: &str) -> String {
    format!("transcripts/{}.txt", file_name(id))
}

fn file_name(id: &str) -> String {
    id.replace('/', ".")
}
