use std::collections::HashSet;

use tempfile::TempDir;

use super::*;

/// A data folder with this file.
fn folder(text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(CONFIGURATION), text).unwrap();
    folder
}

fn parsed(folder: &TempDir, line: &str) -> Result<Parsed, Wrong> {
    let line = format!("sockeye {line} --data {}", folder.path().display());
    parse_with_file(line.split_whitespace().map(OsString::from).collect())
}

fn args(folder: &TempDir, line: &str) -> ServeArgs {
    match parsed(folder, line).unwrap().command {
        Command::Serve(args) | Command::Config(args) => args,
        other => panic!("{other:?}"),
    }
}

fn problem(text: &str) -> String {
    let folder = folder(text);
    match parsed(&folder, "serve").unwrap_err() {
        Wrong::File(error) => {
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        }
        Wrong::Line(error) => error.to_string(),
    }
}

#[test]
fn the_file_adds_what_the_line_does_not_say() {
    let folder = folder(
        "# a comment\nport = 4000\nhost = \"::1\"\nlab = true\nallowed-host = [\"a.example\", \"*.b.example\"]\n\
         keep-alive = \"75\"\n",
    );
    for line in ["", "serve", "config"] {
        let args = args(&folder, line);
        assert_eq!((args.port, args.host.as_deref(), args.keep_alive), (4000, Some("::1"), 75));
        assert_eq!((args.allowed_host.len(), args.lab), (2, true), "{line}");
        assert_eq!(args.log, "info");
    }
    let args = args(&folder, "serve --port 1 --allowed-host c.example");
    assert_eq!((args.port, args.allowed_host.len()), (1, 1), "flags win");
    assert_eq!(args.keep_alive, 75);
}

#[test]
fn what_belongs_together_may_be_in_two_places() {
    let folder = folder("tls-key = \"k\"\n");
    let args = args(&folder, "serve --tls-cert c");
    assert_eq!((args.tls_cert, args.tls_key), (Some("c".into()), Some("k".into())));
    let Wrong::Line(error) = parsed(&folder, "serve").unwrap_err() else {
        panic!("it is the line")
    };
    assert!(error.to_string().contains("--tls-cert"), "{error}");
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, expected) in [
        (
            "port = 1\nprot = 2\n",
            "sockeye.toml:2: there is no option \"prot\": did you mean \"port\"?",
        ),
        (
            "keep_alive = 2",
            "sockeye.toml:1: there is no option \"keep_alive\": did you mean \"keep-alive\"?",
        ),
        ("\n[serve]\nport = 1", "sockeye.toml:2: there is no option \"serve\""),
        ("port = 65536", "sockeye.toml:1: invalid value '65536' for '--port"),
        ("port = \"x\"", "sockeye.toml:1: invalid value 'x' for '--port"),
        ("port = 1.5", "sockeye.toml:1: port is a text in quotes, or a number"),
        ("port = [1]", "sockeye.toml:1: port is a text in quotes, or a number"),
        ("\nlab = \"yes\"", "sockeye.toml:2: lab is true or false"),
        ("data = \"x\"", "sockeye.toml:1: the file is in the data folder"),
        ("help = true", "sockeye.toml:1: there is no option \"help\""),
        ("port = 1\nport = 2", "sockeye.toml:2: duplicate key"),
        ("port = 1\nhost = ", "sockeye.toml:2: "),
        (
            "public-url = [\"chat.example\"]",
            "sockeye.toml:1: invalid value 'chat.example' for '--public-url",
        ),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{text}: {problem}");
    }
}

#[test]
fn what_is_in_force_could_be_the_file() {
    let folder = folder("port = 4000\nallowed-host = \"a.example\"\nlog = \"a\\\"\\\\b\"\n");
    let in_force = parsed(&folder, "config --host 0.0.0.0 --lab").unwrap().in_force.unwrap();
    let text = in_force.to_toml();
    for line in [
        "port = 4000  # file, line 1",
        "host = \"0.0.0.0\"  # --host",
        "lab = true  # --lab",
        "allowed-host = [\"a.example\"]  # file, line 2",
        "log = \"a\\\"\\\\b\"  # file, line 3",
        "keep-alive = 10  # default",
        "trusted-proxies = \"\"  # default",
        "# tls-cert is not set",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}: {text}");
    }
    let again = self::folder(&text);
    let second = parsed(&again, "serve").unwrap();
    let values = |in_force: &InForce| -> Vec<_> {
        in_force.options.iter().map(|option| option.values.clone()).collect()
    };
    assert_eq!(values(&second.in_force.unwrap()), values(&in_force));
}

/// The definitions are the one source: each option has a name in the file and one in the environment.
#[test]
fn every_option_has_a_name_in_each_place() {
    let mut names = HashSet::new();
    for arg in options() {
        let name = long(&arg);
        assert!(!name.is_empty(), "{arg:?}");
        let env = arg.get_env().unwrap_or_else(|| panic!("--{name} has no environment variable"));
        let env = env.to_str().unwrap();
        assert!(env.starts_with("SOCKEYE_") || name == "log", "{env}");
        assert!(names.insert(env.to_owned()), "{env} is that of two options");
        assert!(matches!(
            arg.get_action(),
            ArgAction::Set | ArgAction::SetTrue | ArgAction::Append
        ));
    }
    assert!(names.len() > 15);
}

#[test]
fn distances() {
    for (one, other, expected) in [
        ("", "", 0),
        ("a", "", 1),
        ("port", "prot", 2),
        ("port", "ports", 1),
        ("kitten", "sitting", 3),
    ] {
        assert_eq!(distance(one, other), expected);
        assert_eq!(distance(other, one), expected);
    }
}

fn packaging(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The example has every option, and each of its lines is one that can be used.
#[test]
fn the_example_is_in_step_with_the_options() {
    let example = packaging(CONFIGURATION);
    let lines: Vec<_> = example
        .lines()
        .filter_map(|line| line.strip_prefix('#').filter(|line| line.contains(" = ")))
        .filter(|line| !line.starts_with(' '))
        .collect();
    let mut named: Vec<_> =
        lines.iter().map(|line| line.split_once(" = ").unwrap().0.to_owned()).collect();
    let mut names: Vec<_> = options().map(|arg| long(&arg)).filter(|name| name != DATA).collect();
    named.sort();
    names.sort();
    assert_eq!(named, names);
    for line in &lines {
        let folder = folder(line);
        let read = read(&folder.path().join(CONFIGURATION));
        assert_eq!(read.unwrap().unwrap().len(), 1, "{line}");
    }
    // What it says of the defaults of numbers is so.
    let text = parsed(&folder(&example), "config").unwrap().in_force.unwrap().to_toml();
    for line in &lines {
        let value = line.split_once(" = ").unwrap().1;
        if value.parse::<u32>().is_ok() && !line.starts_with("free-space-min") {
            let expected = format!("{line}  # default");
            assert!(text.lines().any(|there| there == expected), "{expected}: {text}");
        }
    }
}

/// The unit and the container start it as its command line allows, and stop it in time.
#[test]
fn the_unit_and_the_container_are_in_step_with_the_options() {
    let unit = packaging("sockeye.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).unwrap();
    let Parsed { command: Command::Serve(args), .. } =
        strict(&start.split(' ').map(OsString::from).collect::<Vec<_>>()).unwrap().0
    else {
        panic!("{start}")
    };
    assert_eq!(args.data, Path::new("/var/lib/sockeye"));
    let setting = |name: &str| {
        unit.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned()
    };
    assert_eq!(
        (setting("KillSignal"), setting("StateDirectory")),
        ("SIGTERM".into(), "sockeye".into())
    );
    assert!(setting("TimeoutStopSec").parse::<u64>().unwrap() > 15);
    let container = packaging("Containerfile");
    let named: Vec<_> = container
        .lines()
        .filter_map(|line| line.strip_prefix("ENV "))
        .flat_map(|line| line.split(' '))
        .map(|pair| pair.split_once('=').unwrap().0)
        .collect();
    assert_eq!(named.len(), 3);
    for name in named {
        assert!(options().any(|arg| arg.get_env().is_some_and(|env| env == name)), "{name}");
    }
}
