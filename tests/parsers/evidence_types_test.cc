// That each type of evidence is fed with hostile texts and fuzzed: an evidence type names its probe (kProbe), so the
// headers of the parsers show which there are, and remote/probes/ which there have to be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "helpers/base/files.h"
#include "tests/parsers/evidence_parsers.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::UnorderedElementsAreArray;

// For people, so that no type parses them.
const std::set<std::string> kUnparsedProbes{"driver_wait", "lspci"};

template <typename Value>
std::vector<std::string> Keys(const std::map<std::string, Value>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

TEST(EvidenceTypesTest, EachIsInTheList) {
  std::vector<std::string> declared;
  const std::regex declaration("char kProbe\\[\\] = \"([a-z0-9_]*)\";");
  for (const auto& entry : fs::recursive_directory_iterator(PASSTHROUGH_SOURCE_DIR "/helpers/parsers")) {
    if (entry.path().extension() != ".h") continue;
    const std::string text = ReadFile(entry.path());
    for (std::sregex_iterator found(text.begin(), text.end(), declaration), end; found != end; ++found) {
      declared.push_back((*found)[1]);
    }
  }
  EXPECT_THAT(declared, UnorderedElementsAreArray(Keys(EvidenceParsers())))
      << "add the type to EvidenceTypes in tests/parsers/evidence_parsers.cc";
}

TEST(EvidenceTypesTest, EachProbeHasOne) {
  std::vector<std::string> probes;
  for (const auto& entry : fs::recursive_directory_iterator(PASSTHROUGH_SOURCE_DIR "/remote/probes")) {
    if (entry.path().extension() != ".sh") continue;
    const std::string name = entry.path().stem().string();
    if (!kUnparsedProbes.contains(name)) probes.push_back(name);
  }
  EXPECT_THAT(Keys(EvidenceParsers()), UnorderedElementsAreArray(probes));
}

TEST(EvidenceTypesTest, EachHasASeed) {
  EXPECT_THAT(Keys(EvidenceSeeds()), UnorderedElementsAreArray(Keys(EvidenceParsers())))
      << "tests/parsers/seeds/<probe>.txt, from which its fuzz target follows";
}

}  // namespace
}  // namespace passthrough
