// The words for a domain's state, as virsh has them.
#include "helpers/libvirt/connection_impl.h"

namespace passthrough {
namespace {

const char* ShutOffReason(int reason) {
  switch (reason) {
    case VIR_DOMAIN_SHUTOFF_SHUTDOWN:
      return "shut down";
    case VIR_DOMAIN_SHUTOFF_DESTROYED:
      return "destroyed";
    case VIR_DOMAIN_SHUTOFF_CRASHED:
      return "crashed";
    case VIR_DOMAIN_SHUTOFF_MIGRATED:
      return "migrated";
    case VIR_DOMAIN_SHUTOFF_SAVED:
      return "saved";
    case VIR_DOMAIN_SHUTOFF_FAILED:
      return "failed to start";
    case VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT:
      return "from snapshot";
    case VIR_DOMAIN_SHUTOFF_DAEMON:
      return "stopped by the daemon";
    default:
      return "";
  }
}

// VIR_DOMAIN_PAUSED_API_ERROR of newer libvirts.
constexpr int kPausedApiError = 14;

const char* PausedReason(int reason) {
  switch (reason) {
    case VIR_DOMAIN_PAUSED_USER:
      return "by a user";
    case VIR_DOMAIN_PAUSED_MIGRATION:
      return "being migrated";
    case VIR_DOMAIN_PAUSED_SAVE:
      return "being saved";
    case VIR_DOMAIN_PAUSED_DUMP:
      return "being dumped";
    case VIR_DOMAIN_PAUSED_IOERROR:
      return "disk I/O error";
    case VIR_DOMAIN_PAUSED_WATCHDOG:
      return "watchdog";
    case VIR_DOMAIN_PAUSED_FROM_SNAPSHOT:
      return "from snapshot";
    case VIR_DOMAIN_PAUSED_SHUTTING_DOWN:
      return "shutting down";
    case VIR_DOMAIN_PAUSED_SNAPSHOT:
      return "taking a snapshot";
    case VIR_DOMAIN_PAUSED_CRASHED:
      return "the guest crashed";
    case VIR_DOMAIN_PAUSED_STARTING_UP:
      return "starting up";
    case VIR_DOMAIN_PAUSED_POSTCOPY:
      return "being migrated (post-copy)";
    case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
      return "post-copy migration failed";
    case kPausedApiError:
      return "another operation on it failed";
    default:
      return "";
  }
}

}  // namespace

std::string DomainStateText(int state) {
  switch (state) {
    case VIR_DOMAIN_RUNNING:
      return "running";
    case VIR_DOMAIN_BLOCKED:
      return "idle";
    case VIR_DOMAIN_PAUSED:
      return "paused";
    case VIR_DOMAIN_SHUTDOWN:
      return "in shutdown";
    case VIR_DOMAIN_SHUTOFF:
      return "shut off";
    case VIR_DOMAIN_CRASHED:
      return "crashed";
    case VIR_DOMAIN_PMSUSPENDED:
      return "pmsuspended";
    default:
      return "no state";
  }
}

std::string DomainReasonText(int state, int reason) {
  if (state == VIR_DOMAIN_SHUTOFF) return ShutOffReason(reason);
  if (state == VIR_DOMAIN_PAUSED) return PausedReason(reason);
  if (state == VIR_DOMAIN_CRASHED && reason == VIR_DOMAIN_CRASHED_PANICKED) return "guest panic";
  return {};
}

}  // namespace passthrough
