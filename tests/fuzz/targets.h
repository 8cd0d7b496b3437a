// What is fuzzed: everything here that reads what somebody else wrote.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace passthrough {

struct FuzzTarget {
  // Ends with a result or with an Error; anything else is a finding.
  std::function<void(std::string_view)> run;
  std::vector<std::string> seeds;
};

// By name: cluster_file, profile, frames, domain_xml, and each type of evidence by its probe.
const std::map<std::string, FuzzTarget>& FuzzTargets();

}  // namespace passthrough
