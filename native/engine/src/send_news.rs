use culvert_udp::SendReport;

use crate::log_warn;

/// What of a batch's outcome somebody should hear, once a door. Whoever sends counts the rest.
pub(crate) fn tell_news(report: &SendReport) {
    if report.has_stopped_segmenting {
        log_warn!(
            "an interface refuses several datagrams in one (it has no checksum offload): they leave one by one, which is slower, and it is asked again every 10 s"
        );
    }
}
