// Every parser on texts that a broken or hostile node might send: each ends with a result or with
// EvidenceError, in bounded time and memory. Worth most under the sanitizers.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "tests/parsers/captures.h"
#include "tests/parsers/evidence_parsers.h"

namespace passthrough {
namespace {

void ParseAnyhow(const EvidenceParser& parser, std::string_view text) {
  try {
    parser(text);
  } catch (const EvidenceError&) {
    // Said in words: as good as a result.
  }
}

TEST(HostileInput, SeedsAreHealthy) {
  for (const auto& [name, text] : EvidenceSeeds()) {
    EXPECT_NO_THROW(EvidenceParsers().at(name)(text)) << name;
  }
}

TEST(HostileInput, EveryCut) {
  for (const auto& [name, text] : EvidenceSeeds()) {
    for (size_t end = 0; end < text.size(); ++end) {
      ParseAnyhow(EvidenceParsers().at(name), text.substr(0, end));
    }
  }
}

TEST(HostileInput, EveryByteReplaced) {
  for (const auto& [name, text] : EvidenceSeeds()) {
    for (size_t at = 0; at < text.size(); ++at) {
      for (char byte : {'\0', '\n', '|', '<', ':', '9', '-', ' ', '\xff'}) {
        std::string changed = text;
        changed[at] = byte;
        ParseAnyhow(EvidenceParsers().at(name), changed);
      }
    }
  }
}

TEST(HostileInput, PiecesMixed) {
  std::mt19937 random(1);  // always the same, so that a failure can be repeated
  for (const auto& [name, text] : EvidenceSeeds()) {
    for (int round = 0; round < 1000; ++round) {
      std::string mixed;
      for (int piece = 0; piece < 5; ++piece) {
        size_t begin = random() % text.size();
        mixed += text.substr(begin, random() % 60);
      }
      ParseAnyhow(EvidenceParsers().at(name), mixed);
    }
  }
}

TEST(HostileInput, LargeAndOdd) {
  const size_t most = 1u << 19;
  std::string deep, wide;
  for (int i = 0; i < 50000; ++i) deep += "<a>";
  for (int i = 0; i < 150000; ++i) wide += "<a>x</a>";
  const std::string head = "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\"><nvidia_smi_log>";
  const std::string long_name = std::string(200000, 'n');
  for (const auto& [name, parser] : EvidenceParsers()) {
    for (const std::string& text :
         {std::string(most, '\0'), std::string(most, '\n'), std::string(most, '|'), std::string(most, 'x'),
          std::string(most, '<'), head + deep, head + wide, head + wide + "</nvidia_smi_log>",
          head + "<" + long_name + ">" + std::string(1000, 'x') + "</" + long_name + "></nvidia_smi_log>",
          std::string("<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><x>&b;</x>")}) {
      ParseAnyhow(parser, text);
    }
  }
}

TEST(HostileInput, CapturesChanged) {
  std::vector<std::filesystem::path> files = CaptureFiles("nvidia-smi-xml");
  if (files.empty()) GTEST_SKIP() << NoCaptures();
  std::mt19937 random(1);
  for (const std::filesystem::path& file : files) {
    const std::string text = ReadFile(file);
    for (int round = 0; round < 30; ++round) {
      std::string changed = text.substr(0, random() % 4 == 0 ? random() % text.size() : text.size());
      for (int i = 0; i < 5 && !changed.empty(); ++i) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      ParseAnyhow(EvidenceParsers().at("nvidia_smi_xml"), changed);
      ParseAnyhow(EvidenceParsers().at("nvidia_smi"), changed);
    }
  }
}

}  // namespace
}  // namespace passthrough
