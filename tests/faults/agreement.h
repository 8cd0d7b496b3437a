// Whether the reports of one run say the same.
#pragma once

#include <string>
#include <vector>

#include "tests/suites/suite_program.h"

namespace passthrough {

// What verdict.json and report.html say otherwise than junit.xml, finding by finding: a sentence each.
std::vector<std::string> Disagreements(const JunitReport& junit, const std::string& verdict, const std::string& page);

}  // namespace passthrough
