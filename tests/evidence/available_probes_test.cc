#include "helpers/evidence/available_probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// First who it is and what the bus shows, then what is loaded, before nvidia-smi (which loads the module where it
// may); then what nvidia-smi creates; the kernel's log last, so that it has what all of them caused.
TEST(AvailableProbesTest, AreThoseOfTheProjectInTheOrderOfRunning) {
  EXPECT_THAT(AvailableProbes(PASSTHROUGH_SOURCE_DIR "/remote"),
              ElementsAre("driver_wait", "identity", "pci", "modules", "nvidia_smi", "nvidia_smi_xml", "device_files",
                          "network", "disks", "workload", "lspci", "kernel_log"));
}

class ProbeHeaderTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(directory_.path() / "probes"); }
  void AddProbe(const std::string& name, const std::string& header) {
    WriteFile(directory_.path() / "probes" / (name + ".sh"), "#!/bin/sh\n" + header + "\n# order: 5\n");
  }
  std::string ErrorFor(const std::string& header) {
    AddProbe("one", header);
    try {
      AvailableProbes(directory_.path());
      return "";
    } catch (const EvidenceError& error) {
      return error.what();
    }
  }

  const TemporaryDirectory directory_{"available-probes"};
};

TEST_F(ProbeHeaderTest, GivesThePlaceInTheOrder) {
  AddProbe("last", "# order: 100\n# about: it\n");
  AddProbe("second", "# limit: 1\n# order: 20\n");
  AddProbe("also_second", "# order: 20\n");
  AddProbe("first", "# order: 3\n");
  AddProbe("No-Probe", "");
  EXPECT_THAT(AvailableProbes(directory_.path()), ElementsAre("first", "also_second", "second", "last"));
}

TEST_F(ProbeHeaderTest, WithoutAPlaceIsAnError) {
  EXPECT_THAT(ErrorFor("\necho text"), HasSubstr("probes/one.sh: its header has no line \"# order: N\""))
      << "behind it";
  EXPECT_THAT(ErrorFor("# order:\n\n"), HasSubstr("one.sh"));
  EXPECT_THAT(ErrorFor("# order: ten\n\n"), HasSubstr("one.sh"));
  EXPECT_THAT(ErrorFor("# order: 10 or so\n\n"), HasSubstr("one.sh"));
  EXPECT_EQ(ErrorFor("# order: 10 \n\n"), "");
}

TEST_F(ProbeHeaderTest, ADirectoryThatIsNotThereIsAnError) {
  EXPECT_THROW(AvailableProbes("/nonexistent"), EvidenceError);
}

}  // namespace
}  // namespace passthrough
