use std::ffi::OsString;
use std::num::NonZeroU8;
use std::path::PathBuf;

use culvert_core::Aead;
use thiserror::Error;

pub(crate) const USAGE: &str =
    "usage: culvert-engine device IFNAME [--control PATH] [--mtu N] [--fwmark N] [--state PATH] [--aead ring]
       culvert-engine gateway   --control PATH [--uapi NAME] [--state PATH] [--aead ring]
       culvert-engine connector --control PATH [--uapi NAME] [--tun IFNAME] [--shards N] [--aead ring]";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) role: Role,
    pub(crate) control: Option<PathBuf>,
    /// The name whose UAPI socket is offered; a device's is its interface.
    pub(crate) uapi: Option<String>,
    /// What data messages are sealed and opened with.
    pub(crate) aead: Aead,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Device(DeviceOptions),
    Gateway(GatewayOptions),
    Connector(ConnectorOptions),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectorOptions {
    /// The interface through which the kernel forwards; none: all is translated in user space.
    pub(crate) tun: Option<String>,
    /// Threads that translate.
    pub(crate) shards: NonZeroU8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceOptions {
    pub(crate) interface: String,
    pub(crate) mtu: u16,
    pub(crate) fwmark: u32,
    /// Where it is kept when each peer last began, so that no recorded handshake works after a restart.
    pub(crate) state: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GatewayOptions {
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum UsageFault {
    #[error("say which role to play")]
    NoRole,
    #[error("there is no role {0:?}")]
    UnknownRole(String),
    #[error("{0} is not an option of this role")]
    UnknownOption(String),
    #[error("{0} needs a value")]
    NoValue(String),
    #[error("{0} can not be {1:?}: {2}")]
    BadValue(&'static str, String, &'static str),
    #[error("{0} is missing")]
    Missing(&'static str),
}

const DEFAULT_MTU: u16 = 1420;
const MOST_SHARDS: u8 = 16;
/// The kernel's IFNAMSIZ, without the closing zero.
const LONGEST_INTERFACE_NAME: usize = 15;

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, UsageFault> {
    let mut words = Vec::new();
    for argument in arguments {
        words.push(argument.into_string().map_err(|raw| {
            UsageFault::BadValue(
                "an argument",
                raw.to_string_lossy().into_owned(),
                "not UTF-8",
            )
        })?);
    }
    let mut words = words.into_iter();
    match words.next().as_deref() {
        None => Err(UsageFault::NoRole),
        Some("device") => parse_device(words),
        Some("gateway") => parse_served(words, Role::Gateway(GatewayOptions::default())),
        Some("connector") => parse_served(
            words,
            Role::Connector(ConnectorOptions {
                tun: None,
                shards: NonZeroU8::MIN,
            }),
        ),
        Some(other) => Err(UsageFault::UnknownRole(other.into())),
    }
}

fn parse_device(mut words: impl Iterator<Item = String>) -> Result<Arguments, UsageFault> {
    let (mut interface, mut control) = (None, None);
    let (mut mtu, mut fwmark, mut state) = (DEFAULT_MTU, 0, None);
    let mut aead = Aead::best();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--control" => control = Some(PathBuf::from(value(&word, &mut words)?)),
            "--state" => state = Some(PathBuf::from(value(&word, &mut words)?)),
            "--aead" => aead = parse_aead(value(&word, &mut words)?)?,
            "--mtu" => mtu = parse_mtu(value(&word, &mut words)?)?,
            "--fwmark" => fwmark = parse_fwmark(value(&word, &mut words)?)?,
            option if option.starts_with('-') => return Err(UsageFault::UnknownOption(word)),
            _ if interface.is_none() => interface = Some(parse_interface("IFNAME", word)?),
            _ => return Err(UsageFault::UnknownOption(word)),
        }
    }
    let interface = interface.ok_or(UsageFault::Missing("IFNAME"))?;
    let uapi = Some(interface.clone());
    Ok(Arguments {
        role: Role::Device(DeviceOptions {
            interface,
            mtu,
            fwmark,
            state,
        }),
        control,
        uapi,
        aead,
    })
}

fn parse_served(
    mut words: impl Iterator<Item = String>,
    mut role: Role,
) -> Result<Arguments, UsageFault> {
    let (mut control, mut uapi, mut aead) = (None, None, Aead::best());
    while let Some(word) = words.next() {
        match (word.as_str(), &mut role) {
            ("--control", _) => control = Some(PathBuf::from(value(&word, &mut words)?)),
            ("--state", Role::Gateway(options)) => {
                options.state = Some(PathBuf::from(value(&word, &mut words)?));
            }
            ("--tun", Role::Connector(options)) => {
                options.tun = Some(parse_interface("--tun", value(&word, &mut words)?)?);
            }
            ("--shards", Role::Connector(options)) => {
                options.shards = parse_shards(value(&word, &mut words)?)?;
            }
            ("--aead", _) => aead = parse_aead(value(&word, &mut words)?)?,
            ("--uapi", _) => uapi = Some(parse_interface("--uapi", value(&word, &mut words)?)?),
            _ => return Err(UsageFault::UnknownOption(word)),
        }
    }
    let control = Some(control.ok_or(UsageFault::Missing("--control"))?);
    Ok(Arguments {
        role,
        control,
        uapi,
        aead,
    })
}

fn value(option: &str, words: &mut impl Iterator<Item = String>) -> Result<String, UsageFault> {
    words
        .next()
        .ok_or_else(|| UsageFault::NoValue(option.into()))
}

fn parse_mtu(text: String) -> Result<u16, UsageFault> {
    match text.parse() {
        Ok(mtu) if mtu >= 576 => Ok(mtu),
        _ => Err(UsageFault::BadValue(
            "--mtu",
            text,
            "it is a number from 576 to 65535",
        )),
    }
}

fn parse_shards(text: String) -> Result<NonZeroU8, UsageFault> {
    match text.parse::<NonZeroU8>() {
        Ok(shards) if shards.get() <= MOST_SHARDS => Ok(shards),
        _ => Err(UsageFault::BadValue(
            "--shards",
            text,
            "it is a number from 1 to 16",
        )),
    }
}

fn parse_fwmark(text: String) -> Result<u32, UsageFault> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| {
        UsageFault::BadValue(
            "--fwmark",
            text,
            "it is a number, decimal or after 0x hexadecimal",
        )
    })
}

fn parse_aead(text: String) -> Result<Aead, UsageFault> {
    match text.as_str() {
        "ring" => Ok(Aead::Ring),
        _ => Err(UsageFault::BadValue(
            "--aead",
            text,
            "it is ring, which runs on every processor; without it the fastest is taken",
        )),
    }
}

/// The name becomes a file name too, so what the kernel refuses is refused here, before anything is made.
fn parse_interface(option: &'static str, name: String) -> Result<String, UsageFault> {
    let is_allowed = |letter: char| letter.is_ascii_graphic() && !"/:%".contains(letter);
    let rule = "it is 1 to 15 printable characters without a slash, colon or per cent";
    let fits = (1..=LONGEST_INTERFACE_NAME).contains(&name.len());
    if fits && name.chars().all(is_allowed) && name != "." && name != ".." {
        return Ok(name);
    }
    Err(UsageFault::BadValue(option, name, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_needs_only_its_interface() {
        let arguments = read("device wg0").unwrap();

        let options = DeviceOptions {
            interface: "wg0".into(),
            mtu: 1420,
            fwmark: 0,
            state: None,
        };
        assert_eq!(
            arguments,
            Arguments {
                role: Role::Device(options),
                control: None,
                uapi: Some("wg0".into()),
                aead: Aead::best(),
            }
        );
    }

    #[test]
    fn a_mark_is_decimal_or_hexadecimal() {
        for text in ["device --fwmark 0x43 wg0", "device wg0 --fwmark 67"] {
            let Role::Device(options) = read(text).unwrap().role else {
                panic!("{text}")
            };
            assert_eq!(options.fwmark, 0x43);
        }
    }

    #[test]
    fn every_role_can_do_without_the_fastest_cipher() {
        for role in [
            "device wg0",
            "gateway --control /c",
            "connector --control /c",
        ] {
            assert_eq!(
                read(&format!("{role} --aead ring")).unwrap().aead,
                Aead::Ring
            );
        }
    }

    #[test]
    fn a_device_and_a_gateway_have_a_state_and_a_connector_has_none() {
        let state = Some(PathBuf::from("/s"));
        let Role::Device(device) = read("device wg0 --state /s").unwrap().role else {
            panic!("no device")
        };
        let gateway = read("gateway --control /c --state /s").unwrap().role;

        assert_eq!(device.state, state);
        assert_eq!(gateway, Role::Gateway(GatewayOptions { state }));
        assert_eq!(
            read("connector --control /c --state /s").unwrap_err(),
            UsageFault::UnknownOption("--state".into())
        );
    }

    #[test]
    fn a_connector_divides_its_flows_as_it_is_told() {
        let shards = |text: &str| match read(text).unwrap().role {
            Role::Connector(options) => options.shards.get(),
            other => panic!("{other:?}"),
        };

        assert_eq!(shards("connector --control /c --shards 3"), 3);
        assert_eq!(shards("connector --control /c"), 1);
    }

    #[test]
    fn wrong_usage_is_told_by_name() {
        for (text, sentence) in [
            ("", "say which role to play"),
            ("router", "there is no role \"router\""),
            ("device", "IFNAME is missing"),
            ("device wg0 wg1", "wg1 is not an option of this role"),
            ("device wg0 --mtu", "--mtu needs a value"),
            (
                "device wg0 --mtu 20",
                "--mtu can not be \"20\": it is a number from 576 to 65535",
            ),
            (
                "gateway --aead aes",
                "--aead can not be \"aes\": it is ring, which runs on every processor; without it the fastest is taken",
            ),
            ("gateway", "--control is missing"),
            (
                "connector --control /x --shards 0",
                "--shards can not be \"0\": it is a number from 1 to 16",
            ),
            (
                "gateway --control /x --shards 2",
                "--shards is not an option of this role",
            ),
            (
                "connector --control /x --mtu 1",
                "--mtu is not an option of this role",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn a_name_that_would_leave_the_socket_folder_is_refused() {
        for name in ["../x", "..", "a/b", "a:b", "sixteen-letters-", ""] {
            assert!(parse_interface("IFNAME", name.into()).is_err(), "{name}");
        }
    }

    fn read(text: &str) -> Result<Arguments, UsageFault> {
        parse(text.split_whitespace().map(OsString::from))
    }
}
