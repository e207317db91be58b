/** Defaults that both ends share. Every one can be configured; the number is what an unconfigured part uses. */

/** UDP port of the gateway's WireGuard switch (WireGuard's own convention). */
export const WIREGUARD_PORT = 51820;
/** HTTPS port where the gateway may bind low ports, and where it may not. */
export const HTTPS_PORT = 443;
export const HTTPS_PORT_WITHOUT_RIGHTS = 8443;

/** Devices and connectors get addresses from here; refused and renumbered when a host already uses it. */
export const OVERLAY_IPV4 = '100.96.0.0/16';
/** Aliases that the gateway's resolver gives to names (RFC 2544 benchmarking range). */
export const ALIAS_IPV4 = '198.18.0.0/15';

/** Inner MTU: 1500 less IPv6 (40), UDP (8) and WireGuard (32) headers. */
export const DEFAULT_MTU = 1420;

/** A NAT forgets an idle UDP mapping after 30 s or more (RFC 4787 says 120 s; many say 30). */
export const CONNECTOR_KEEPALIVE_SECONDS = 5;
export const DEVICE_KEEPALIVE_SECONDS = 25;

/** Largest message on a stream and largest request body, in bytes (T39). A snapshot may be larger. */
export const MAX_BODY_BYTES = 64 * 1024;
export const MAX_SNAPSHOT_BYTES = 8 * 1024 * 1024;
