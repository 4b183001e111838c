//! Tests of the pages of rct in Chromium, by WebDriver. They need Debian's packages `chromium` and `chromium-driver`.
