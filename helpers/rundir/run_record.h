// run.json: what a run was, as later readers (ctest's processes, --replay, people) need it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/error.h"
#include "helpers/config/plan.h"

namespace passthrough {

// How the run came by its evidence.
enum class RunMode { kDirect, kCtest, kAttach };

struct PhaseRecord {
  std::string name;    // "host", "preflight", "deploy", "discover", "collect", "look", "disrupt", "destroy"
  double seconds = 0;  // wall clock
  std::string error;   // empty: it succeeded
};

struct RunRecord {
  RunMode mode = RunMode::kDirect;
  std::string started;  // local time with zone, ISO 8601
  std::string config;   // the cluster file that was named, absolute
  std::string cluster;  // metadata.name
  std::string profile;  // name
  std::string libvirt_uri;
  std::string stub_driver;  // what stands in for the GPU driver; empty: nothing does
  bool emulated_devices = false;
  int least_link_percent = 0;  // of the profile; 0: none is set. Absent in runs of older releases
  // Of the profile: host addresses of disks. Absent in runs of older releases.
  std::vector<std::string> may_be_overwritten;
  std::string target;                           // --target-vm; empty: all
  std::string filter;                           // --gtest_filter; empty in runs of older releases
  bool disruptive = false;                      // nodes were disturbed, see disruption.h
  int reboots = 0;                              // of each GPU node
  bool cleanup = true;                          // destroyed at the end, so that Cleanup checks apply
  std::string error;                            // why there is no complete evidence to check; empty: there is
  std::map<std::string, std::string> versions;  // "suite", "libvirt", "hypervisor", …
  std::vector<std::string> probes;              // that were run on the nodes
  std::vector<std::string> not_checked;         // see NotChecked
  std::vector<std::string> notes;               // what could not be seen before deploying, for every report
  std::vector<PhaseRecord> phases;
};

// What no check of a run on `nodes` can be about, in words for every report: what `stub_driver` cannot do, which
// stands in for the GPU driver where it is not empty, drivers of makers that this suite does not know, disks that are
// not written to, and what is in nodes that stay off. `may_be_overwritten`: as in RunRecord.
std::vector<std::string> NotChecked(const std::string& stub_driver, const std::vector<const PlannedNode*>& nodes,
                                    const std::vector<std::string>& may_be_overwritten = {});

// Throws Error where it cannot be written.
void WriteRunRecord(const std::filesystem::path& file, const RunRecord& record);
// Throws EvidenceError where it is not such a file.
RunRecord ReadRunRecord(const std::filesystem::path& file);

// RunRecord::started, or another time in ISO 8601 with a zone, in seconds since 1970; nullopt where it is none.
std::optional<int64_t> UnixTimeOf(const std::string& iso_8601);
// When the run ended, by its start and its phases; nullopt where it does not say.
std::optional<int64_t> EndOf(const RunRecord& record);

}  // namespace passthrough
