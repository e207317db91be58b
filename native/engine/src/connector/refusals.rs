use culvert_netstack::Refused;

use crate::log_debug;

pub(super) fn log_refused(refused: Vec<Refused>) {
    for refused in refused {
        log_debug!(
            "refused: {} from {} to {} port {:?}, protocol {}",
            refused.reason.name(),
            refused.device,
            refused.destination,
            refused.port,
            refused.protocol
        );
    }
}
