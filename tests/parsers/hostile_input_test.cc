// Every parser on texts that a broken or hostile node might send: each ends with a result or with
// EvidenceError, in bounded time and memory. Worth most under the sanitizers.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/parsers/device_files_evidence.h"
#include "helpers/parsers/identity_evidence.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/modules_evidence.h"
#include "helpers/parsers/nvidia_smi_table.h"
#include "helpers/parsers/nvidia_smi_xml.h"
#include "helpers/parsers/pci_evidence.h"
#include "tests/parsers/captures.h"

namespace passthrough {
namespace {

using Parser = std::function<void(std::string_view)>;

const std::map<std::string, Parser>& Parsers() {
  static const std::map<std::string, Parser> parsers = {
      {"device_files",
       [](std::string_view text) { DeviceFilesEvidence::Parse(text, "x").GpuFiles(); }},
      {"identity", [](std::string_view text) { IdentityEvidence::Parse(text, "x"); }},
      {"kernel_log", [](std::string_view text) { KernelLog::Parse(text, "x").Containing("Xid"); }},
      {"modules", [](std::string_view text) { ModulesEvidence::Parse(text, "x").DriverVersion(); }},
      {"nvidia_smi", [](std::string_view text) { NvidiaSmiTable::Parse(text, "x"); }},
      {"nvidia_smi_xml", [](std::string_view text) { NvidiaSmiXml::Parse(text, "x").Problems(); }},
      {"pci", [](std::string_view text) { PciEvidence::Parse(text, "x"); }},
  };
  return parsers;
}

void ParseAnyhow(const Parser& parser, std::string_view text) {
  try {
    parser(text);
  } catch (const EvidenceError&) {
    // Said in words: as good as a result.
  }
}

// A healthy text for each parser, small.
std::map<std::string, std::string> Seeds() {
  std::string config;
  for (int i = 0; i < 64; ++i) config += " de";
  return {
      {"device_files",
       "user_id: 0\nmajor: 195 nvidia\nfile: /dev/nvidia0\nmode: crw-rw-rw-\nuid: 0\ngid: 0\n"
       "device: 195 0\nopens: yes\nend: device_files\n"},
      {"identity",
       "kernel_release: 6.1\nboot_id: b\nproduct_uuid: U\nuptime_seconds: 1.5\nepoch_seconds: 2\n"
       "tmp_free_kib: 3\nend: identity\n"},
      {"kernel_log", "[    0.000000] Linux version\n[    1.0] NVRM: Xid\n"},
      {"modules",
       "kernel_release: 6.1\ndriver_version_text: NVRM 535.1\nmodule: nvidia 1 - Live\nend: "
       "modules\n"},
      {"nvidia_smi",
       "+---+\n| NVIDIA-SMI 535 Driver Version: 535 CUDA Version: 12 |\n|---+---+\n"
       "| GPU  Name  Persistence-M | Bus-Id  Disp.A |\n| Fan  Temp | Memory |\n|====+====|\n"
       "|  0  NVIDIA x  On | 00000000:01:00.0 Off |\n| ERR!  41C | ERR! |\n+---+\n"},
      {"nvidia_smi_xml",
       "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log>"
       "<attached_gpus>1</attached_gpus><gpu id=\"0000:01:00.0\"><a><b>ERR!</b></a></gpu>"
       "</nvidia_smi_log>\n"},
      {"pci",
       "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x1\n"
       "subsystem_device: 0x2\nclass: 0x030000\nrevision: 0xa1\nirq: 1\n"
       "resource: 0 0x1000 0x1fff 0x200\naer_fatal: 1 X=1\nconfig:" +
           config + "\nend: pci\n"},
  };
}

TEST(HostileInput, SeedsAreHealthy) {
  for (const auto& [name, text] : Seeds()) {
    EXPECT_NO_THROW(Parsers().at(name)(text)) << name;
  }
}

TEST(HostileInput, EveryCut) {
  for (const auto& [name, text] : Seeds()) {
    for (size_t end = 0; end < text.size(); ++end) {
      ParseAnyhow(Parsers().at(name), text.substr(0, end));
    }
  }
}

TEST(HostileInput, EveryByteReplaced) {
  for (const auto& [name, text] : Seeds()) {
    for (size_t at = 0; at < text.size(); ++at) {
      for (char byte : {'\0', '\n', '|', '<', ':', '9', '-', ' ', '\xff'}) {
        std::string changed = text;
        changed[at] = byte;
        ParseAnyhow(Parsers().at(name), changed);
      }
    }
  }
}

TEST(HostileInput, PiecesMixed) {
  std::mt19937 random(1);  // always the same, so that a failure can be repeated
  for (const auto& [name, text] : Seeds()) {
    for (int round = 0; round < 1000; ++round) {
      std::string mixed;
      for (int piece = 0; piece < 5; ++piece) {
        size_t begin = random() % text.size();
        mixed += text.substr(begin, random() % 60);
      }
      ParseAnyhow(Parsers().at(name), mixed);
    }
  }
}

TEST(HostileInput, LargeAndOdd) {
  const size_t most = 1u << 19;
  std::string deep, wide;
  for (int i = 0; i < 50000; ++i) deep += "<a>";
  for (int i = 0; i < 150000; ++i) wide += "<a>x</a>";
  const std::string head =
      "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\"><nvidia_smi_log>";
  const std::string long_name = std::string(200000, 'n');
  for (const auto& [name, parser] : Parsers()) {
    for (const std::string& text :
         {std::string(most, '\0'), std::string(most, '\n'), std::string(most, '|'),
          std::string(most, 'x'), std::string(most, '<'), head + deep, head + wide,
          head + wide + "</nvidia_smi_log>",
          head + "<" + long_name + ">" + std::string(1000, 'x') + "</" + long_name +
              "></nvidia_smi_log>",
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
      std::string changed =
          text.substr(0, random() % 4 == 0 ? random() % text.size() : text.size());
      for (int i = 0; i < 5 && !changed.empty(); ++i) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      ParseAnyhow(Parsers().at("nvidia_smi_xml"), changed);
      ParseAnyhow(Parsers().at("nvidia_smi"), changed);
    }
  }
}

}  // namespace
}  // namespace passthrough
