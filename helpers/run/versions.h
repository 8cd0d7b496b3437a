#pragma once

#include <map>
#include <string>

namespace passthrough {

// Versions that a report should name: the suite's own and those of what it is built on.
std::map<std::string, std::string> LibraryVersions();

}  // namespace passthrough
