// Every parser of evidence under its probe's name, for tests that feed all of them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace passthrough {

// Throws EvidenceError where the text cannot be understood.
using EvidenceParser = std::function<void(std::string_view)>;
// Of each evidence type: the one list of them, which the fuzz targets, too, follow from.
const std::map<std::string, EvidenceParser>& EvidenceParsers();

// A healthy text for each parser, small: seeds/<probe>.txt.
const std::map<std::string, std::string>& EvidenceSeeds();

}  // namespace passthrough
