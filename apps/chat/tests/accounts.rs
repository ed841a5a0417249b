//! Accounts as people and scripts meet them: the real program over HTTP.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use common::{Program, http};
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse";

/// Somebody who talks to a program by HTTP alone, as `curl` does.
struct Visitor {
    address: SocketAddr,
    cookie: Option<String>,
}

impl Visitor {
    fn of(program: &Program) -> Self {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), program.port());
        Visitor { address, cookie: None }
    }

    /// The status and what was answered in JSON; its cookie is kept.
    async fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let cookie = self.cookie.as_ref().map(|cookie| format!("cookie: {cookie}\r\n"));
        let headers = format!("content-type: application/json\r\n{}", cookie.unwrap_or_default());
        let answer =
            http::ask(self.address, method, path, &headers, body.as_bytes()).await.unwrap();
        if let Some(cookie) = answer.cookie() {
            self.cookie = Some(cookie.to_owned());
        }
        (answer.status(), serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    async fn name(&mut self) -> Value {
        self.ask("GET", "/api/me", &Value::Null).await.1["me"]["person"]["name"].clone()
    }
}

#[tokio::test]
async fn the_first_start_leads_to_an_account_and_the_next_one_remembers_it() {
    let data = TempDir::new().unwrap();
    let mut program = Program::serve(data.path()).await;
    let page = program.said().await;
    let here = format!("open {}/setup#", program.url);
    let code = page.strip_prefix(&here).unwrap().strip_suffix(" to make the first account");
    let code = code.expect(&page).to_owned();
    let advice = program.said().await;
    assert!(advice.contains("--host 0.0.0.0"), "{advice}");
    assert!(program.logged("to make the first one").await.contains(&code));
    let mut ann = Visitor::of(&program);
    let set_up = json!({ "code": code, "name": "Ann", "password": PASSWORD });
    let (status, me) = ann.ask("POST", "/api/setup", &set_up).await;
    assert_eq!((status, &me["person"]["role"]), (200, &json!("owner")), "{me}");
    let (status, invited) = ann.ask("POST", "/api/invitations", &json!({ "role": "member" })).await;
    assert_eq!(status, 200, "{invited}");
    program.stop().await;

    // In another process everything is there but the code.
    let mut program = Program::serve(data.path()).await;
    program.logged("serving").await;
    let mut ann = Visitor { cookie: ann.cookie, ..Visitor::of(&program) };
    assert_eq!(ann.name().await, json!("Ann"), "the session goes on");
    assert_eq!(ann.ask("POST", "/api/setup", &set_up).await.0, 404);
    let mut ben = Visitor::of(&program);
    let sign_up = json!({ "code": invited["code"], "name": "Ben", "password": PASSWORD });
    let (status, me) = ben.ask("POST", "/api/signup", &sign_up).await;
    assert_eq!((status, &me["person"]["role"]), (200, &json!("member")), "{me}");
    let mut phone = Visitor::of(&program);
    let log_in = json!({ "name": "Ben", "password": PASSWORD });
    assert_eq!(phone.ask("POST", "/api/login", &log_in).await.0, 200);
    assert_eq!(phone.name().await, json!("Ben"));
    program.stop().await;
}

#[tokio::test]
async fn a_public_address_is_the_one_to_open() {
    let data = TempDir::new().unwrap();
    let args = ["--public-url", "https://chat.example"];
    let mut program = Program::serve_with(data.path(), &args).await;
    let page = program.said().await;
    assert!(page.starts_with("open https://chat.example/setup#"), "{page}");
    program.signal("TERM").await;
    assert_eq!(program.ended().await.code(), Some(0));
}
