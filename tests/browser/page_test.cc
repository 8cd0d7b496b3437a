// report.html in a browser. Pictures of it are in build/report-pictures, for a person to look at.
#include "fixtures/reporters/page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "tests/browser/browser.h"
#include "tests/reports/sample_run.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kTab = "\xEE\x80\x84";
const fs::path kPictures = fs::path(PASSTHROUGH_BINARY_DIR) / "report-pictures";

class PageTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { browser_ = std::make_unique<Browser>(); }
  static void TearDownTestSuite() { browser_.reset(); }

  Browser& browser() { return *browser_; }
  void Show(SampleRun& run) {
    const fs::path page = directory_.path() / "report.html";
    WriteFile(page, MakePage(run.results()));
    browser().Resize(1280, 1400);
    browser().UseColours("light");
    browser().Open(page);
  }

 private:
  static std::unique_ptr<Browser> browser_;
  TemporaryDirectory directory_{"page"};
};
std::unique_ptr<Browser> PageTest::browser_;

TEST_F(PageTest, AsksForNothingAndHasNoErrorInItsConsole) {
  SampleRun run;
  run.KillGpu(1);
  browser().Requests();  // what was before
  Show(run);
  EXPECT_THAT(browser().Requests(), Each(testing::AnyOf(StartsWith("file:///"), StartsWith("data:"))));
  EXPECT_EQ(browser().Console(), nlohmann::json::array());
}

TEST_F(PageTest, TheFailingCellLeadsToItsSentence) {
  SampleRun run;
  run.KillGpu(2);
  Show(run);
  const nlohmann::json found = browser().Run(
      "const cell = document.querySelector('td.fail a'); cell.click();"
      "const target = document.querySelector(location.hash);"
      "return [cell.getAttribute('aria-label'), target.querySelector('h3').textContent.trim(),"
      "        target.querySelector('pre .named').textContent, target.getBoundingClientRect().top < innerHeight];");
  EXPECT_THAT(found[0].get<std::string>(), HasSubstr("of hpc_compute_02: 1 check failed"));
  EXPECT_EQ(found[1], "✗ hpc_compute_02: GPU 0000:02:00.0 does not answer: its config space reads all ones");
  EXPECT_THAT(found[2].get<std::string>(), HasSubstr("config: ff ff ff ff"));
  EXPECT_EQ(found[3], true);
}

// Tab reaches every link, every part that scrolls and every fold, in the order in which they stand, and is seen there.
TEST_F(PageTest, TheKeyboardReachesEverythingInOrder) {
  SampleRun run;
  run.KillGpu(1);
  Show(run);
  const int count = browser().Run("return document.querySelectorAll('a[href], [tabindex=\"0\"], summary').length;");
  ASSERT_GT(count, 15);
  browser().Run(
      "window.all = [...document.querySelectorAll('a[href], [tabindex=\"0\"], summary')]; document.body.focus();");
  for (int i = 0; i < count; ++i) {
    browser().Press(kTab);
    const nlohmann::json at = browser().Run(
        "const e = document.activeElement; return [window.all.indexOf(e), getComputedStyle(e).outlineStyle, "
        "e.outerHTML];");
    EXPECT_EQ(at[0], i) << at[2];
    EXPECT_NE(at[1], "none") << at[2];
  }
}

// Source: W3C, Web Content Accessibility Guidelines 2.1, 1.4.3: 4.5 to 1, of relative luminance.
constexpr char kLeastContrast[] = R"js(
  const parse = c => (c.match(/[\d.]+/g) || []).map(Number);
  const luminance = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  let least = [99, ''];
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg') || ![...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim())) continue;
    const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < least[0]) least = [contrast, e.outerHTML.slice(0, 200)];
  }
  for (const e of document.querySelectorAll('svg text')) {
    const box = e.classList.contains('sign') || e.classList.contains('head') ? 'var(--page)' : 'var(--box)';
    const probe = document.createElement('i'); probe.style.backgroundColor = box; document.body.append(probe);
    const [a, b] = [luminance(parse(getComputedStyle(e).fill)), luminance(parse(getComputedStyle(probe).backgroundColor))];
    probe.remove();
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < least[0]) least = [contrast, e.outerHTML];
  }
  return least;)js";

TEST_F(PageTest, IsReadableInBothColourSchemes) {
  SampleRun run;
  run.KillGpu(1);
  run.results().stub_driver = "a stand-in";
  run.Find(run.Check("GpuHealth", "IsCool", run.Node(2)), {.sentence = "", .found = "it is warm", .note = true});
  Show(run);
  std::map<std::string, std::string> background;
  for (const std::string scheme : {"light", "dark"}) {
    browser().UseColours(scheme);
    const nlohmann::json least = browser().Run(kLeastContrast);
    EXPECT_GE(least[0].get<double>(), 4.5) << scheme << ": " << least[1];
    background[scheme] = browser().Run("return getComputedStyle(document.body).backgroundColor;").get<std::string>();
  }
  EXPECT_NE(background["light"], background["dark"]);
}

TEST_F(PageTest, FitsAPhone) {
  SampleRun run;
  run.KillGpu(1);
  Show(run);
  browser().Resize(360, 800);
  const nlohmann::json widths = browser().Run("return [document.documentElement.scrollWidth, innerWidth];");
  EXPECT_LE(widths[0].get<int>(), widths[1].get<int>()) << "only tables and pictures scroll sideways";
  browser().SaveScreenshot(kPictures / "dead-gpu-phone.png");
}

// How long it takes is for a person to read: machines differ.
TEST_F(PageTest, AThousandNodesOpen) {
  SampleRun run(1000);
  run.KillGpu(500);
  Show(run);
  const nlohmann::json load = browser().Run(
      "return [document.querySelectorAll('tbody tr').length,"
      "        Math.round(performance.getEntriesByType('navigation')[0].loadEventEnd)];");
  EXPECT_GT(load[0].get<int>(), 3000);
  fmt::print("a page of 1000 nodes was loaded after {} ms\n", load[1].get<int>());
}

TEST_F(PageTest, SpeaksToAScreenReader) {
  SampleRun run;
  run.KillGpu(1);
  Show(run);
  const nlohmann::json found = browser().Run(
      "return [document.documentElement.lang, document.querySelectorAll('h1').length, "
      "document.querySelectorAll('main').length,"
      " [...document.querySelectorAll('th')].every(e => e.scope), [...document.querySelectorAll('svg')].every(e => "
      "e.querySelector('title')),"
      " [...document.querySelectorAll('[role=region], pre')].every(e => e.getAttribute('aria-label'))];");
  EXPECT_EQ(found, nlohmann::json({"en", 1, 1, true, true, true}));
}

TEST_F(PageTest, PrintsToPdf) {
  SampleRun run;
  run.KillGpu(1);
  Show(run);
  EXPECT_THAT(browser().PrintToPdf(), StartsWith("JVBERi0"));  // "%PDF-"
}

TEST_F(PageTest, HostileNodeOutputDoesNotRun) {
  const std::string hostile =
      "</pre></style></svg></title><script>window.ran = 1</script><img src=x onerror='window.ran = 2'>\" onclick='x'"
      "<a href=\"javascript:window.ran = 3\">x</a><style>*{display:none}</style>";
  SampleRun run;
  run.KillGpu(1);
  WriteFile(run.results().run->Evidence() / "hpc_compute_01/pci.txt", "1\n2\n3\n4\n" + hostile + "\n");
  run.Find(
      run.Check("NodeHealth", "IsRight", run.Node(1)),
      {.sentence = "", .found = hostile, .expected = hostile, .where = "javascript:window.ran = 4", .advice = hostile});
  run.Device(1).host["driver"] = hostile;
  run.results().facts.host->hostname = hostile;
  Show(run);
  const nlohmann::json found = browser().Run(
      "document.querySelectorAll('.cause a').forEach(a => a.click());"
      "return [window.ran || 0, document.querySelectorAll('script, img, [onclick], [onerror]').length,"
      "        document.querySelectorAll('style').length, document.querySelectorAll('.cause').length];");
  EXPECT_EQ(found, nlohmann::json({0, 0, 1, 2}));
}

TEST_F(PageTest, PicturesForAPersonToLookAt) {
  SampleRun healthy(4);
  SampleRun dead(4);
  dead.KillGpu(2);
  SampleRun many(64);
  many.KillGpu(7);
  many.UnloadDriver(23);
  many.Device(41).host["driver"] = "nouveau";
  many.Find(many.Check("NodeHealth", "IsRight", many.Node(41)), {.sentence = "", .found = "hpc_compute_41: / is full"});
  for (const auto& [name, run] : {std::pair{"healthy", &healthy}, {"dead-gpu", &dead}, {"64-nodes-3-faults", &many}}) {
    run->results().stub_driver = "a sample, made by a test";
    Show(*run);
    browser().SaveScreenshot(kPictures / fmt::format("{}.png", name));
    browser().UseColours("dark");
    browser().SaveScreenshot(kPictures / fmt::format("{}-dark.png", name));
    EXPECT_GT(fs::file_size(kPictures / fmt::format("{}-dark.png", name)), 10'000u);
  }
}

}  // namespace
}  // namespace passthrough
