// Output that others recorded on real GPUs. It is no part of the project: a folder beside it, or
// the one that $PASSTHROUGH_CAPTURES names.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace passthrough {

// Files of a folder of the captures, sorted; empty where there is none.
std::vector<std::filesystem::path> CaptureFiles(const std::string& folder);

// Why a test that needs captures is skipped.
std::string NoCaptures();

// A text capture's sections by the command that made them ("nvidia-smi", "nvidia-smi -q"), the last
// one of each.
std::map<std::string, std::string> CaptureSections(const std::string& text);

}  // namespace passthrough
