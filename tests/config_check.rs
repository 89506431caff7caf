//! `parvandeh config check`, as people run it: the built program, its output and its exit code.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use parvandeh::config::check;
use parvandeh::vault::{Keyring, Vault};
use tempfile::TempDir;

const DONE: i32 = 0;
const CANNOT_BE_USED: i32 = 5;
/// A public key of Ed25519, whose private half nobody has kept.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA/JyXR7pXccKxPc6Aao7sIyrDb3iA3Ykamr05f6Z9/GY=
-----END PUBLIC KEY-----
";
const AUTHENTICATION: &str = r#"
[authentication]
issuer = "https://id.example.org"
audience = "parvandeh"
algorithms = ["EdDSA"]
pem_file = "key.pem"
"#;

/// A folder with a configuration file and what it names. The program runs in it, so that the file can name files without their folders.
struct Place(TempDir);

impl Place {
    fn with(configuration: &str) -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::write(place.path("parvandeh.toml"), configuration).unwrap();
        fs::write(place.path("key.pem"), PUBLIC_KEY).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
        command.current_dir(self.0.path()).args(["--config", "parvandeh.toml", "config", "check"]);
        for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARVANDEH_")) {
            command.env_remove(variable);
        }
        // Any free port: another server may run on this machine.
        command.env("PARVANDEH_LISTEN", "127.0.0.1:0");
        command
    }
}

/// What was printed, after a run that ended so.
#[track_caller]
fn printed(mut command: Command, exit: i32) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{said}{error}");
    said + &error
}

/// The keys that have problems, in the order in which they are told.
fn problems(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("problem: ")?.split(": ").next()).collect()
}

#[test]
fn a_configuration_that_can_be_used_is_shown_and_leaves_nothing_behind() {
    let place = Place::with(AUTHENTICATION);
    let said = printed(place.command(), DONE);
    assert!(said.contains("data_directory                data\n"), "{said}");
    assert!(said.contains("authentication.issuer         https://id.example.org\n"), "{said}");
    assert!(said.contains("authentication.algorithms     EdDSA\n"), "{said}");
    assert!(
        said.contains("note: data_directory: data is not there yet and will be created\n"),
        "{said}"
    );
    assert!(
        said.contains("note: time_zone: the days that customers are shown are those of UTC"),
        "{said}"
    );
    assert!(said.ends_with("The configuration can be used.\n"), "{said}");
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 2, "the check has left something");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_by_its_key_and_line() {
    let place = Place::with(
        r#"data_directory = "parvandeh.toml/data"
datadir = "x"
log_format = "xml"
listen = "localhost"
disk_free_mib_min = 1_000_000_000_000

[limits]
cost_burst = 1
trusted_proxies = ["10.0.0.0/8", "proxy"]

[graphql]
allowed_origins = ["https://desk.example.org/", "https://good.example.org", "desk"]
introspect = true
graphiql = "yes"

[telemetry]
otlp_endpoint = "collector:4318"
sampling_ratio = 7

[authentication]
issuer = "https://id.example.org"
algorithms = ["RS512"]
pem_file = "nowhere.pem"
leeway_seconds = -1
"#,
    );
    let said = printed(place.command(), CANNOT_BE_USED);
    let mut told = problems(&said);
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "authentication.algorithms",
            "authentication.audience",
            "authentication.leeway_seconds",
            "data_directory",
            "datadir",
            "disk_free_mib_min",
            "graphql.allowed_origins",
            "graphql.graphiql",
            "graphql.introspect",
            "limits.cost_burst",
            "limits.trusted_proxies",
            "listen",
            "log_format",
            "telemetry.otlp_endpoint",
            "telemetry.sampling_ratio",
        ],
        "{said}"
    );
    for part in [
        "problem: datadir: is not known, expected one of `data_directory`,",
        "; parvandeh.toml, line 2\n",
        "problem: graphql.introspect: is not known",
        "; parvandeh.toml, line 13\n",
        "problem: authentication.audience: is missing: give the `aud` that tokens must have\n",
        "problem: graphql.allowed_origins: `https://desk.example.org/` is no origin as browsers send it",
        "The configuration cannot be used: 15 problems.\n",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_every_line_that_is_wrong() {
    let place = Place::with("listen = \n[graphql]\ngraphiql = true\ngraphiql = false\n");
    let said = printed(place.command(), CANNOT_BE_USED);
    let told = problems(&said);
    assert!(told.contains(&"parvandeh.toml, line 1"), "{said}");
    assert!(told.contains(&"parvandeh.toml, line 4"), "{said}");
    fs::remove_file(place.path("parvandeh.toml")).unwrap();
    let said = printed(place.command(), CANNOT_BE_USED);
    assert!(said.contains("problem: parvandeh.toml: cannot be read: "), "{said}");
}

#[test]
fn the_keys_of_tokens_must_be_there_and_fit_their_algorithms() {
    let with = |authentication: &str| {
        let place = Place::with(&format!(
            "[authentication]\nissuer = \"i\"\naudience = \"a\"\n{authentication}\n"
        ));
        printed(place.command(), CANNOT_BE_USED)
    };
    for (authentication, wanted) in [
        (
            r#"algorithms = ["EdDSA"]"#,
            "authentication: [authentication] needs exactly one of pem_file and jwks_url",
        ),
        (
            r#"algorithms = ["EdDSA"]
            pem_file = "nowhere.pem""#,
            "authentication.pem_file: cannot read the key file nowhere.pem",
        ),
        (
            r#"algorithms = ["RS256"]
            pem_file = "key.pem""#,
            "authentication.pem_file: the key file key.pem holds no public key for RS256",
        ),
        (
            r#"algorithms = ["EdDSA", "RS256"]
            pem_file = "key.pem""#,
            "authentication.algorithms: [authentication] with pem_file needs exactly one algorithm",
        ),
        (
            r#"algorithms = ["HS256"]
            pem_file = "key.pem""#,
            "authentication.algorithms: HS256 is for the demo alone",
        ),
        (
            r#"algorithms = ["ES256"]
            jwks_url = "http://id.example.org/jwks""#,
            "authentication.jwks_url: must be an address that begins with https://",
        ),
    ] {
        let said = with(authentication);
        assert!(said.contains(&format!("problem: {wanted}")), "{wanted:?} is not in\n{said}");
        assert_eq!(problems(&said).len(), 1, "{said}");
    }
}

#[test]
fn no_secret_is_repeated() {
    let place = Place::with(&AUTHENTICATION.replace(
        r#"pem_file = "key.pem""#,
        r#"jwks_url = "https://reader:geheim@id.example.org/jwks""#,
    ));
    let said = printed(place.command(), DONE);
    assert!(
        said.contains("authentication.jwks_url       https://…@id.example.org/jwks\n"),
        "{said}"
    );
    assert!(!said.contains("geheim"), "{said}");

    let mut command = place.command();
    command.env("PARVANDEH_VAULT_KEYS", "1 geheim").env("PARVANDEH_CHECKPOINT_KEY", "geheim");
    let said = printed(command, CANNOT_BE_USED);
    assert_eq!(problems(&said), ["keyring", "PARVANDEH_CHECKPOINT_KEY"], "{said}");
    assert!(!said.contains("geheim"), "{said}");
}

#[test]
fn a_keyring_that_others_can_read_and_one_that_is_not_there_are_problems() {
    let place =
        Place::with(&format!("data_directory = \"data\"\nkeyring = \"ring\"\n{AUTHENTICATION}"));
    let (data, ring) = (place.path("data"), place.path("ring"));
    fs::create_dir(&data).unwrap();
    drop(Vault::open(&data, Keyring::at(&ring)).unwrap());
    let said = printed(place.command(), DONE);
    assert!(said.contains("keyring: key-encryption key   version 1\n"), "{said}");

    let mode = |mode| {
        fs::set_permissions(ring.join("vault.keys"), fs::Permissions::from_mode(mode)).unwrap()
    };
    mode(0o644);
    let said = printed(place.command(), CANNOT_BE_USED);
    assert!(
        said.contains(
            "problem: keyring: ring/vault.keys holds a secret and is open to others (mode 644)"
        ),
        "{said}"
    );
    mode(0o600);

    fs::remove_file(ring.join("vault.keys")).unwrap();
    let said = printed(place.command(), CANNOT_BE_USED);
    assert!(
        said.contains(
            "problem: keyring: ring has no key-encryption key, and data has data keys that need one"
        ),
        "{said}"
    );
}

#[test]
fn a_cluster_needs_an_address_that_is_safe_files_that_can_be_read_and_a_keyring_that_is_there() {
    let check = |store: &str, cluster: &str, exit| {
        let place = Place::with(&format!(
            "store = \"{store}\"\n{AUTHENTICATION}\n[kurrentdb]\n{cluster}\n"
        ));
        fs::write(place.path("user"), "parvandeh\n").unwrap();
        fs::write(place.path("password"), "geheim\n").unwrap();
        fs::set_permissions(place.path("password"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir_all(place.path("data/keyring")).unwrap();
        let mut command = place.command();
        command.env("PARVANDEH_VAULT_KEYS", "1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let said = printed(command, exit);
        assert!(!said.contains("geheim"), "{said}");
        said
    };
    let address = "kurrentdb://one:2113,two?tls=true";
    let said = check(address, "user_file = \"user\"\npassword_file = \"password\"", DONE);
    assert!(
        said.contains("store                         KurrentDB at one:2113,two:2113\n"),
        "{said}"
    );
    assert!(said.contains("kurrentdb.prefix              parvandeh\n"), "{said}");
    let said = check(
        address,
        "user_file = \"nobody\"\npassword_file = \"nothing\"\ntls_ca_file = \"nowhere\"",
        CANNOT_BE_USED,
    );
    let files = ["kurrentdb.user_file", "kurrentdb.password_file", "kurrentdb.tls_ca_file"];
    assert_eq!(problems(&said), files, "{said}");
    for (store, cluster, key) in [
        (address, "prefix = \"a.b\"", "kurrentdb.prefix"),
        (address, "user_file = \"user\"", "kurrentdb"),
        (address, "tls_ca_file = \"user\"", "kurrentdb.tls_ca_file"),
        ("kurrentdb://one?tlsVerifyCert=false", "", "store"),
        ("kurrentdb://user:geheim@one?tls=false", "", "store"),
        ("mysql://user:geheim@one", "", "store"),
        ("sqlite", "prefix = \"other\"", "kurrentdb"),
    ] {
        let said = check(store, cluster, CANNOT_BE_USED);
        assert_eq!(problems(&said), [key], "{said}");
    }

    let place =
        Place::with(&format!("store = \"{address}\"\nkeyring = \"ring\"\n{AUTHENTICATION}"));
    let said = printed(place.command(), CANNOT_BE_USED);
    assert!(
        said.contains(
            "problem: keyring: ring is not there: mount the keyring that all replicas share"
        ),
        "{said}"
    );
    fs::create_dir(place.path("ring")).unwrap();
    let said = printed(place.command(), CANNOT_BE_USED);
    assert!(
        said.contains("problem: keyring: ring has no key-encryption key, and replicas draw none"),
        "{said}"
    );
}

#[test]
fn the_secret_of_a_payment_provider_is_read_and_never_shown() {
    let payments = "[payments]\nprovider = \"demo\"\ncallback_secret_file = \"secret\"\n";
    let place = Place::with(&format!("{payments}{AUTHENTICATION}"));
    let said = printed(place.command(), CANNOT_BE_USED);
    assert!(said.contains("problem: payments.callback_secret_file: "), "{said}");
    assert!(said.contains("cannot be read: "), "{said}");
    fs::write(place.path("secret"), "too short\n").unwrap();
    let said = printed(place.command(), CANNOT_BE_USED);
    assert!(said.contains("must have one to 4 lines"), "{said}");
    assert!(!said.contains("too short"), "{said}");
    fs::write(place.path("secret"), "a secret that is long enough\n").unwrap();
    let said = printed(place.command(), DONE);
    assert!(!said.contains("problem: payments"), "{said}");
    assert!(said.contains("no money moves"), "{said}");
    assert!(!said.contains("long enough"), "{said}");
}

#[test]
fn an_address_in_use_is_worth_a_note_and_one_of_another_machine_is_a_problem() {
    let place = Place::with(AUTHENTICATION);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut command = place.command();
    command.env("PARVANDEH_LISTEN", address.to_string());
    let said = printed(command, DONE);
    assert!(
        said.contains(&format!("note: listen: {address} is in use, perhaps by a running server\n")),
        "{said}"
    );

    let mut command = place.command();
    command.env("PARVANDEH_LISTEN", "192.0.2.1:8080");
    let said = printed(command, CANNOT_BE_USED);
    assert!(said.contains("problem: listen: 192.0.2.1:8080 cannot be listened on: "), "{said}");
}

#[test]
fn the_configurations_that_are_published_have_only_keys_that_are_known() {
    let k8s = Path::new(env!("CARGO_MANIFEST_DIR")).join("k8s");
    for file in [
        "overlays/embedded/parvandeh.toml",
        "overlays/cluster/parvandeh.toml",
        "compose/parvandeh.toml",
    ] {
        let (config, problems) = check::read(Some(&k8s.join(file)));
        assert_eq!(problems, [], "{file}");
        assert_eq!(config.cluster().unwrap().is_some(), !file.contains("embedded"), "{file}");
    }
}
