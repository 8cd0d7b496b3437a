#include "helpers/recovery/hypervisor_claim.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "helpers/base/account.h"
#include "helpers/base/error.h"
#include "helpers/base/json_fields.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/virsh_command.h"
#include "helpers/recovery/teardown_scope.h"

namespace passthrough {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(HypervisorClaim, run, config, machine, user, since, held, kept, beat,
                                                owner, domains, networks, pools, devices, made)

namespace {

using std::chrono::seconds;

// A run that came at the same moment steps back at once, unless it was killed in there.
constexpr seconds kOthersStepBack{30};
constexpr seconds kConnectLimit{30};
constexpr seconds kCallLimit{60};
constexpr int kMostPasses = 10;
constexpr seconds kBetweenPasses{1};

std::string MachineName() {
  char name[256] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::string UserName() {
  const auto account = AccountOf(geteuid());
  return account ? account->name : fmt::format("uid {}", geteuid());
}

HypervisorClaim ClaimOf(const TeardownRecord& record) {
  HypervisorClaim claim;
  claim.name = record.claim_name;
  claim.uuid = record.claim_uuid;
  claim.run = record.run;
  claim.config = record.config;
  claim.machine = MachineName();
  claim.user = UserName();
  claim.since = fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::time(nullptr)));
  claim.kept = record.ClusterStays();
  claim.owner = record.owner;
  claim.domains = record.domains;
  claim.networks = record.networks;
  claim.pools = record.pools;
  claim.devices = record.devices;
  claim.made = record.made;
  return claim;
}

ClaimDomain ToDomain(const HypervisorClaim& claim) {
  return {claim.name, claim.uuid, nlohmann::json(claim).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

// What others wrote. nullopt: it does not say who holds it.
std::optional<HypervisorClaim> Read(const ClaimDomain& domain) {
  try {
    auto claim = nlohmann::json::parse(domain.text).get<HypervisorClaim>();
    if (claim.run.empty()) return std::nullopt;
    claim.name = domain.name;
    claim.uuid = domain.uuid;
    return claim;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::optional<HypervisorClaim> OwnClaim(LibvirtConnection& libvirt, const TeardownRecord& record) {
  for (const ClaimDomain& domain : libvirt.Claims()) {
    if (domain.uuid == record.claim_uuid) return Read(domain);
  }
  return std::nullopt;
}

// What both name.
std::vector<std::string> Shared(const HypervisorClaim& one, const HypervisorClaim& other) {
  std::vector<std::string> shared;
  const auto add = [&](const char* kind, const std::vector<std::string>& names,
                       const std::vector<std::string>& others) {
    for (const std::string& name : names) {
      if (std::find(others.begin(), others.end(), name) != others.end()) shared.push_back(kind + name);
    }
  };
  add("domain ", one.domains, other.domains);
  add("network ", one.networks, other.networks);
  add("pool ", one.pools, other.pools);
  add("device ", one.devices, other.devices);
  return shared;
}

// Whether its run is seen to live from here. That it is not seen says nothing: it may be on another machine, in a
// container, or hidden (proc(5), hidepid), and its guard may be taking its cluster down.
bool IsSeenToLive(const HypervisorClaim& claim) { return IsAlive(claim.owner); }

std::string Who(const HypervisorClaim& claim) {
  return Printable(fmt::format("a run of {} on {} (process {}, {}), since {}", claim.user, claim.machine,
                               claim.owner.pid, claim.run, claim.since));
}

// The words for what a claim that is not ours to break asks of its reader.
std::string WhatToDo(const HypervisorClaim& claim, const std::string& uri) {
  const std::string look = "To look: " + VirshCommand(uri, {"dumpxml", claim.name});
  const std::string destroy = SuiteCommand({"--destroy", claim.run});
  if (IsSeenToLive(claim)) {
    return fmt::format("Wait for its end, or end it with: kill -INT {}. {}", claim.owner.pid, look);
  }
  if (claim.kept) {
    return Printable(
        fmt::format("Its cluster is kept (--no-cleanup): {} on {} takes it down; --attach looks at it as it "
                    "is. {}",
                    destroy, claim.machine, look));
  }
  return fmt::format("{}. Where that run is gone for good, this removes what it made, by UUID, and the claim: {}", look,
                     SuiteCommand({"--reap", "--connect", uri}));
}

[[noreturn]] void ThrowHeld(const std::string& uri, const std::string& what, const HypervisorClaim& holder) {
  throw Error(fmt::format("{} held at {} by {}. {}", what, uri, Who(holder), WhatToDo(holder, uri)));
}

[[noreturn]] void ThrowUnreadable(const std::string& uri, const std::string& claim) {
  throw Error(fmt::format(
      "domain {} at {} does not say who holds what: another version of this suite wrote it, or somebody changed it. To "
      "look: {}. Where no run goes on: {}",
      claim, uri, VirshCommand(uri, {"dumpxml", claim}), VirshToRemoveDomain(uri, claim)));
}

[[noreturn]] void ThrowNameTaken(LibvirtConnection& libvirt, const HypervisorClaim& claim) {
  for (const ClaimDomain& domain : libvirt.Claims()) {
    if (domain.name != claim.name) continue;
    if (const auto holder = Read(domain)) ThrowHeld(libvirt.uri(), "the cluster is", *holder);
  }
  ThrowUnreadable(libvirt.uri(), claim.name);
}

// Each defines its claim before it looks at the others': so of two at once, at least one sees the other. One that sees
// a claim that is held steps back; of two that are both not held yet, the one with the greater UUID, while the other
// waits until it has.
void SettleWithOthers(LibvirtConnection& libvirt, HypervisorClaim& claim) {
  const Deadline deadline = Deadline::After(kOthersStepBack);
  BackOff back_off;
  while (true) {
    bool wait = false;
    for (const ClaimDomain& domain : libvirt.Claims()) {
      if (domain.uuid == claim.uuid) continue;
      const auto other = Read(domain);
      if (!other) ThrowUnreadable(libvirt.uri(), domain.name);  // it may hold a device of ours
      const std::vector<std::string> shared = Shared(claim, *other);
      if (shared.empty()) continue;
      if (other->held || other->uuid < claim.uuid || deadline.Passed()) {
        ThrowHeld(libvirt.uri(), JoinForHumans(shared) + (shared.size() == 1 ? " is" : " are"), *other);
      }
      wait = true;
    }
    if (!wait) break;
    back_off.Sleep(deadline);
    Deadline::Never().Check("claiming the cluster");  // an interruption
  }
  claim.held = true;
  libvirt.UpdateClaim(ToDomain(claim));
}

// What is there of the claim's names, with its UUID.
std::map<std::string, std::string> ObjectsOf(const HypervisorClaim& claim, const Inventory& now) {
  TeardownRecord names;
  names.domains = claim.domains;
  names.networks = claim.networks;
  names.pools = claim.pools;
  return ObjectsOf(names, now);
}

// Removes what is there and recorded. Returns what could be removed; false in *clean where something could not.
std::vector<std::string> RemoveRecorded(LibvirtConnection& libvirt, const HypervisorClaim& claim, Progress& progress,
                                        bool* clean) {
  std::vector<std::string> removed;
  // Domains before networks before pools, as they use each other; that is also the order of their words.
  for (const auto& [what, uuid] : ObjectsOf(claim, libvirt.TakeInventory(Deadline::After(kCallLimit)))) {
    const auto made = claim.made.find(what);
    if (made == claim.made.end() || made->second != uuid) continue;
    try {
      RunWithDeadline(Deadline::After(kCallLimit).Uninterruptible(), "removing " + what,
                      [what = what, uuid = uuid, own = std::make_shared<LibvirtConnection>(libvirt.Share())] {
                        RemoveObject(*own, what, uuid);
                      });
      progress.Line(Printable("removed " + what));
      removed.push_back(what);
    } catch (const Error& error) {
      progress.Line(Printable(error.what()));
      *clean = false;
    }
  }
  return removed;
}

// Returns whether all went, the claim last.
bool Reap(LibvirtConnection& libvirt, const HypervisorClaim& claim, Progress& progress) {
  progress.Line(fmt::format("{} is gone and left its claim {}", Who(claim), claim.name));
  bool clean = true;
  // A create that outlived its run goes on until what it needs is gone.
  for (int pass = 0; clean && pass < kMostPasses; ++pass) {
    if (RemoveRecorded(libvirt, claim, progress, &clean).empty()) break;
    std::this_thread::sleep_for(kBetweenPasses);
  }
  for (const auto& [what, uuid] : ObjectsOf(claim, libvirt.TakeInventory(Deadline::After(kCallLimit)))) {
    const auto made = claim.made.find(what);
    if (made != claim.made.end() && made->second == uuid) continue;
    progress.Line(Printable("left alone, for the claim does not say that this run created it: " +
                            WithRemoval(what, libvirt.uri())));
  }
  if (clean) libvirt.RemoveDomainWithUuid(claim.uuid);
  return clean;
}

std::vector<HypervisorClaim> ReadableClaims(LibvirtConnection& libvirt, Progress& progress) {
  std::vector<HypervisorClaim> claims;
  for (const ClaimDomain& domain : libvirt.Claims()) {
    if (auto claim = Read(domain)) {
      claims.push_back(*std::move(claim));
    } else {
      progress.Line(Printable(fmt::format("{} does not say whose it is, and was left alone. To look: {}", domain.name,
                                          VirshCommand(libvirt.uri(), {"dumpxml", domain.name}))));
    }
  }
  return claims;
}

// Those of runs that are not seen to live and show no sign of life for a while, by UUID.
std::vector<std::string> SilentClaims(LibvirtConnection& libvirt, const std::vector<HypervisorClaim>& claims,
                                      seconds watch, Progress& progress) {
  std::map<std::string, uint64_t> waiting;
  for (const HypervisorClaim& claim : claims) {
    if (!claim.kept && !IsSeenToLive(claim)) waiting[claim.uuid] = claim.beat;
  }
  if (waiting.empty()) return {};
  progress.Begin(fmt::format("watching {} for signs of life", Count(waiting.size(), "claim")));
  const Deadline deadline = Deadline::After(watch);
  BackOff back_off;
  while (!waiting.empty() && !deadline.Passed()) {
    back_off.Sleep(deadline);
    Deadline::Never().Check("watching claims");
    std::map<std::string, uint64_t> now;
    for (const ClaimDomain& domain : libvirt.Claims()) {
      if (const auto claim = Read(domain)) now[claim->uuid] = claim->beat;
    }
    std::erase_if(waiting, [&](const auto& one) {
      const auto found = now.find(one.first);
      return found == now.end() || found->second != one.second;
    });
  }
  progress.End(waiting.empty() ? "all of them live" : Count(waiting.size(), "claim") + " without a sign of life");
  std::vector<std::string> silent;
  for (const auto& [uuid, beat] : waiting) silent.push_back(uuid);
  return silent;
}

}  // namespace

void HoldAtHypervisor(LibvirtConnection& libvirt, const TeardownRecord& record) {
  HypervisorClaim claim = ClaimOf(record);
  const std::string title =
      Printable(fmt::format("Held by {}. Never started: it says whose the cluster is.", Who(claim)));
  if (!libvirt.DefineClaim(ToDomain(claim), title)) ThrowNameTaken(libvirt, claim);
  try {
    SettleWithOthers(libvirt, claim);
  } catch (...) {
    try {
      libvirt.RemoveDomainWithUuid(claim.uuid);
    } catch (const Error&) {
      // Teardown tries again: the record names it.
    }
    throw;
  }
}

void RefreshClaim(LibvirtConnection& libvirt, const TeardownRecord& record) {
  auto claim = OwnClaim(libvirt, record);
  if (!claim || !claim->held) return;
  ++claim->beat;
  claim->kept = record.ClusterStays();
  libvirt.UpdateClaim(ToDomain(*claim));  // first: a look at the host may take long
  if (record.deployed) {
    // What the record has holds: it knows it beforehand, or since the create ended.
    for (const auto& [what, uuid] : record.made) claim->made[what] = uuid;
    if (MustWatchCreate(record)) claim->made.merge(ObjectsOf(*claim, libvirt.TakeInventory()));
  }
  libvirt.UpdateClaim(ToDomain(*claim));
}

std::map<std::string, std::string> MadeByClaim(LibvirtConnection& libvirt, const TeardownRecord& record) {
  const auto claim = OwnClaim(libvirt, record);
  return claim ? claim->made : std::map<std::string, std::string>();
}

bool AnotherHolds(LibvirtConnection& libvirt, const TeardownRecord& record) {
  HypervisorClaim own = ClaimOf(record);
  own.devices.clear();
  for (const ClaimDomain& domain : libvirt.Claims()) {
    const auto other = Read(domain);
    if (other && other->uuid != own.uuid && other->held && !Shared(own, *other).empty()) return true;
  }
  return false;
}

bool ReapDeadClaims(const std::string& uri, Progress& progress, seconds watch) {
  auto libvirt = LibvirtConnection::Open(uri, Deadline::After(kConnectLimit));
  const std::vector<HypervisorClaim> claims = ReadableClaims(libvirt, progress);
  bool clean = claims.size() == libvirt.Claims().size();
  if (claims.empty() && clean) progress.Line(fmt::format("no run holds anything at {}", uri));
  const std::vector<std::string> silent = SilentClaims(libvirt, claims, watch, progress);
  for (const HypervisorClaim& claim : claims) {
    if (std::find(silent.begin(), silent.end(), claim.uuid) != silent.end()) {
      clean &= Reap(libvirt, claim, progress);
    } else {
      progress.Line(fmt::format("left alone: {} is held by {}. {}", claim.name, Who(claim), WhatToDo(claim, uri)));
    }
  }
  return clean;
}

}  // namespace passthrough
