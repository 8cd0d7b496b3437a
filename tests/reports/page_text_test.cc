// report.html as text. In a browser: page_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "fixtures/reporters/page.h"
#include "fixtures/reporters/topology_picture.h"
#include "tests/reports/sample_run.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(PageTextTest, TheFailingCellLeadsToItsSentenceAndItsEvidence) {
  SampleRun run;
  run.KillGpu(1);
  const std::string page = MakePage(run.results());
  EXPECT_THAT(page, HasSubstr("✗ 2 nodes, 2 GPUs, "));
  EXPECT_THAT(
      page, HasSubstr("<td class=\"fail\" title=\"NvidiaSmi of hpc_compute_01: 1 check failed\"><a href=\"#cause-1\""));
  EXPECT_THAT(page,
              HasSubstr("</span> hpc_compute_01: GPU 0000:01:00.0 does not answer: its config space reads all ones"));
  EXPECT_THAT(page, HasSubstr("<span class=\"named\"><i>5 ▸</i>config: ff ff ff ff\n"));
  EXPECT_THAT(page, HasSubstr("<li>The device is dead: power-cycle the host.</li><li>Look for its reset method.</li>"));
  EXPECT_THAT(page, HasSubstr("With it, 4 checks cannot pass"));
}

TEST(PageTextTest, AHealthyRunHasNothingThatIsWrong) {
  const std::string page = MakePage(SampleRun().results());
  EXPECT_THAT(page, AllOf(HasSubstr("✓ 2 nodes, 2 GPUs, "), Not(HasSubstr("id=\"failures\"")),
                          Not(HasSubstr("class=\"fail\""))));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(MakePage(RunResults()), HasSubstr("✗ no check ran"));
}

TEST(PageTextTest, TheStubIsNamedBeforeTheVerdict) {
  SampleRun run;
  run.results().stub_driver = "the lab's stub";
  const std::string page = MakePage(run.results());
  EXPECT_LT(page.find("no real GPU driver was tested: the lab&apos;s stub"), page.find("<h1>"));
}

// Whatever a node says: neither an element nor an attribute of the page, and nothing to fetch.
TEST(PageTextTest, HostileTextIsText) {
  const std::string hostile =
      "</pre></style></title></svg><script>alert(1)</script><img src=x onerror=alert(2)>\" onload='x' {{verdict}}";
  SampleRun run;
  run.KillGpu(1);
  WriteFile(run.results().run->Evidence() / "hpc_compute_01/pci.txt", "1\n2\n3\n4\n" + hostile + "\n");
  run.Find(run.Check("NodeHealth", "IsRight", run.Node(1)),
           {.sentence = "", .found = hostile, .expected = hostile, .where = hostile, .advice = hostile});
  run.Find(run.Check("NodeHealth", "IsRight", run.Node(2)), {.sentence = "", .found = hostile, .note = true});
  run.results().facts.host->hostname = hostile;
  run.Device(1).host["driver"] = hostile;
  run.Device(1).node["driver"] = hostile;
  run.results().facts.nodes[0].facts["kernel"] = hostile;
  run.results().facts.record->versions["x"] = hostile;
  run.results().facts.record->phases[0].error = hostile;
  run.results().cluster_file = run.results().profile = run.results().stub_driver = hostile;
  run.results().environment_failures = {hostile};
  run.Check("Workload", "Runs", run.Node(1)).measured = {{hostile, hostile}};
  for (const bool failed : {false, true}) {
    run.results().error = failed ? hostile : "";
    const std::string page = MakePage(run.results());
    for (const char* bad : {"<script", "<img", "</style></title>", "\" onload"})
      EXPECT_EQ(page.find(bad), std::string::npos) << bad;
    EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
  }
}

TEST(PageTextTest, ItAsksForNothingFromAnywhere) {
  SampleRun run(16);
  run.KillGpu(3);
  const std::string page = MakePage(run.results());
  EXPECT_LT(page.size(), 1u << 20);
  EXPECT_FALSE(std::regex_search(page, std::regex("(src|href)=\"?(https?:|//)|url\\(|@import")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(TopologyPictureTest, WhatIsWrongIsWhereItIsWrong) {
  SampleRun run;
  run.KillGpu(1);
  run.Device(2).host["driver"] = "nouveau";
  run.Device(2, 1).guest_address = "";
  const std::string picture = TopologyPicture(run.results());
  EXPECT_THAT(picture, HasSubstr("✗ 2 failed"));
  EXPECT_THAT(picture, HasSubstr("✗ 0000:02:00.0 gpu"));
  EXPECT_THAT(picture, HasSubstr("not found in the node"));
  EXPECT_THAT(
      picture,
      HasSubstr(
          "gpu 0000:01:00.0, IOMMU group 1, driver vfio-pci, is 0000:05:00.0 in hpc_compute_01: 2 failed checks"));
  EXPECT_EQ(TopologyPicture(RunResults()), "");
}

}  // namespace
}  // namespace passthrough
