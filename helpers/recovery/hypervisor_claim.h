// A claim at the hypervisor: a domain that is never started, and says in its metadata that a run holds a cluster's
// names and devices there, since when, from which machine and user, and what it made so far. Whoever reaches the
// hypervisor sees it, whatever user or machine. It is there from before the run makes anything, and goes last.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "helpers/base/process_identity.h"
#include "helpers/libvirt/connection.h"
#include "helpers/rundir/progress.h"
#include "helpers/teardown_record/teardown_record.h"

namespace passthrough {

struct HypervisorClaim {
  std::string name;     // of the domain
  std::string uuid;     // of the domain
  std::string run;      // the run directory, on its machine
  std::string config;   // the cluster file, on its machine
  std::string machine;  // the name of the machine that the run is on
  std::string user;
  std::string since;  // "2026-11-26 08:00:00 UTC", by that machine's clock
  bool held = false;  // false: the run still looks whether another is in its way
  bool kept = false;  // the cluster outlives the run (--no-cleanup)
  uint64_t beat = 0;  // counts up every few seconds while the run lives
  ProcessIdentity owner;
  std::vector<std::string> domains;
  std::vector<std::string> networks;
  std::vector<std::string> pools;
  std::vector<std::string> devices;         // host addresses
  std::map<std::string, std::string> made;  // as TeardownRecord::made
};

// Claims what `record` names, for its run. Of two runs that do so at once, whatever their users and machines, at most
// one gets it. Throws Error that says who holds it, since when, how to look, and how to remove a dead claim;
// LibvirtError, TimeoutError, InterruptedError; the claim is not there, then.
void HoldAtHypervisor(LibvirtConnection& libvirt, const TeardownRecord& record);

// Whether what the create of `record` makes is known only by what appears while it runs.
inline bool MustWatchCreate(const TeardownRecord& record) { return IsCreating(record) && record.made.empty(); }

// One sign of life in the claim of `record`, and in it what has appeared of the record's names since it was made.
// Throws LibvirtError; does nothing where there is no claim (yet, or any more).
void RefreshClaim(LibvirtConnection& libvirt, const TeardownRecord& record);

// What the claim of `record` says that the run made; empty where there is no claim. Throws LibvirtError.
std::map<std::string, std::string> MadeByClaim(LibvirtConnection& libvirt, const TeardownRecord& record);

// Whether another claim has names of `record`: then that was reaped while its run was silent, and what has the names by
// now is another's. Throws LibvirtError.
bool AnotherHolds(LibvirtConnection& libvirt, const TeardownRecord& record);

// Three signs of life of a run (see the guard), and a busy machine.
inline constexpr std::chrono::seconds kSignOfLifeLimit{45};

// Removes by UUID, through libvirt alone, what the claims at `uri` recorded whose runs are gone, and the claims;
// reports that, and who holds the others. No command is run that anybody wrote into a claim. A run that is not seen to
// live, and whose claim shows no sign of life for `watch`, is gone. Returns true where no dead claim remains. Throws
// Error where the hypervisor cannot be reached, InterruptedError.
bool ReapDeadClaims(const std::string& uri, Progress& progress, std::chrono::seconds watch = kSignOfLifeLimit);

}  // namespace passthrough
