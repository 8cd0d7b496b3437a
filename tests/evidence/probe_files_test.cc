#include "helpers/evidence/probe_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "helpers/base/files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

TEST(ProbeFiles, OfAMakerAreInAFolder) {
  const TemporaryDirectory remote("probe-files");
  fs::create_directories(remote.path() / "probes/maker");
  WriteFile(remote.path() / "probes/pci.sh", "");
  WriteFile(remote.path() / "probes/maker/tool.sh", "");
  WriteFile(remote.path() / "probes/maker/notes.txt", "");
  const auto files = ProbeFiles(remote.path());
  EXPECT_EQ(files.size(), 2u);
  EXPECT_EQ(files.at("pci"), remote.path() / "probes/pci.sh");
  EXPECT_EQ(files.at("tool"), remote.path() / "probes/maker/tool.sh");
  WriteFile(remote.path() / "probes/maker/pci.sh", "");
  EXPECT_THROW(ProbeFiles(remote.path()), EvidenceError) << "both would be probes/pci.sh on the node";
}

TEST(ProbeFiles, HeadersAreLinesOfTheFirstComment) {
  const char text[] = "#!/bin/sh\n# limit: 20\n# if-hung: one\n# if-hung:  two \n# about: x\n\n# limit: 30\n";
  EXPECT_EQ(ProbeHeader(text, "limit"), "20");
  EXPECT_EQ(ProbeHeader(text, "if-hung"), "one two");
  EXPECT_EQ(ProbeHeader(text, "needs"), "");
}

// Where nvidia-smi or an open of a device file hangs, the driver does.
TEST(ProbeFiles, ProbesThatOpenGpusSayWhatAHangMeans) {
  const auto files = ProbeFiles(fs::path(PASSTHROUGH_SOURCE_DIR) / "remote");
  for (const char* probe : {"nvidia_smi", "nvidia_smi_xml", "device_files"}) {
    EXPECT_THAT(ProbeHeader(ReadFile(files.at(probe)), "if-hung"),
                AllOf(HasSubstr("hangs: look for NVRM and Xid in the node's kernel log."),
                      HasSubstr("run nvidia-persistenced on the node.")))
        << probe;
  }
}

}  // namespace
}  // namespace passthrough
