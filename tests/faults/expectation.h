// The exact set of checks that a fault must make fail, written short.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/faults/fault.h"

namespace passthrough {

// "Suite.Name/parameter" of each line of --gtest_list_tests.
std::set<std::string> ReadTestList(const std::string& listing);

// The checks of `all` that `patterns` stand for. A pattern is a name with any number of '*', each for any text;
// without a '/' it stands for every parameter. "@gpu" and "@audio" are the first node's first GPU and its audio
// function as parameters name them, "@node" that node; "@smi" is every check that needs what nvidia-smi says, "@probes"
// every check of a node that needs what its probes say. A pattern that begins with '-' takes away again what the
// ones before it gave. Throws Error for a pattern that no check fits: the check was renamed, or is not run.
std::set<std::string> ExpandChecks(const std::vector<std::string>& patterns, const std::set<std::string>& all);

// The other way round, for people: "NvidiaSmi.*, GpuDriver.IsNvidia" where all checks of a suite, all
// parameters of a check, or all checks of a parameter are in `checks`; "all checks" where it is all of them.
std::string InShort(const std::set<std::string>& checks, const std::set<std::string>& all);

}  // namespace passthrough
