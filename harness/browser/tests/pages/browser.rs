//! A headless Chromium, driven by WebDriver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fantoccini::actions::{InputSource as _, MouseActions, PointerAction};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};

/// The screen of a reader.
#[derive(Clone, Copy, Debug)]
pub enum Screen {
    /// 1280 pixels wide.
    Desktop,
    /// 400 pixels wide.
    Phone,
}

/// A browser with one page, and its driver; the driver ends with this.
pub struct Browser {
    client: Client,
    driver: Child,
}

impl Browser {
    /// Starts a browser on a desktop, with or without scripts.
    pub async fn start(has_scripts: bool) -> Self {
        Self::start_on(Screen::Desktop, has_scripts).await
    }

    /// Starts a browser, with or without scripts.
    pub async fn start_on(screen: Screen, has_scripts: bool) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("install the packages chromium and chromium-driver");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        // It says: ChromeDriver was started successfully on port 40123.
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| line.rsplit_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok());
        let scripts = if has_scripts { 1 } else { 2 };
        let mut options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"],
            "prefs": { "profile.managed_default_content_settings.javascript": scripts }
        });
        // A window of Chromium is at least 500 pixels wide.
        if matches!(screen, Screen::Phone) {
            options["mobileEmulation"] = json!({ "deviceMetrics": { "width": 400, "height": 900, "pixelRatio": 1 } });
        }
        let mut capabilities = Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let address = format!("http://127.0.0.1:{}", port.expect("chromedriver says its port"));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(capabilities).connect(&address).await.unwrap();
        Self { client, driver }
    }

    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// Runs a script of the test, which works even where scripts of the page do not.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    pub async fn number(&self, script: &str) -> u64 {
        self.run(script).await.as_u64().unwrap()
    }

    pub async fn has(&self, selector: &str) -> bool {
        self.client.find(Locator::Css(selector)).await.is_ok()
    }

    pub async fn click(&self, selector: &str) {
        self.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// Moves the pointer over the middle of an element.
    pub async fn point_at(&self, selector: &str) {
        self.run(&format!("document.querySelector({}).scrollIntoView({{ block: 'center' }})", json!(selector))).await;
        let element = self.client.find(Locator::Css(selector)).await.unwrap();
        let moved = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        self.client.perform_actions(MouseActions::new("mouse".to_owned()).then(moved)).await.unwrap();
    }

    /// Makes the browser prefer `light` or `dark` colours.
    pub async fn prefer(&self, colours: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": colours }]);
        let body = json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } });
        self.client.issue_cmd(Extension { path: "goog/cdp/execute", body }).await.unwrap();
    }

    pub async fn fill(&self, selector: &str, text: &str) {
        let field = self.client.find(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// How many elements there are, and how many of them a reader can see.
    pub async fn displayed(&self, selector: &str) -> (usize, usize) {
        let elements = self.client.find_all(Locator::Css(selector)).await.unwrap();
        let mut shown = 0;
        for element in &elements {
            shown += usize::from(element.is_displayed().await.unwrap());
        }
        (elements.len(), shown)
    }

    /// What the console of the browser has received since the last call.
    pub async fn console(&self) -> Value {
        let body = json!({ "type": "browser" });
        self.client.issue_cmd(Extension { path: "se/log", body }).await.unwrap()
    }

    pub async fn end(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ended = self.driver.kill().and_then(|()| self.driver.wait());
    }
}

/// A command that only Chromium's driver has.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
