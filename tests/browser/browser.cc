#include "tests/browser/browser.h"

#include <fmt/format.h>
#include <signal.h>

#include <future>

#include "helpers/base/error.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using nlohmann::json;

Deadline Limit() { return Deadline::After(std::chrono::minutes(2)); }

}  // namespace

Browser::Browser() {
  std::promise<std::string> port;
  std::future<std::string> known = port.get_future();
  driver_ = std::jthread([this, port = std::move(port)](const std::stop_token& stop) mutable {
    bool told = false;
    ChildOptions options;
    options.environment = {{"HOME", directory_.path().string()}, {"TMPDIR", directory_.path().string()}};
    int driver = 0;
    options.on_start = [&](int pid) { driver = pid; };
    const std::stop_callback end(stop, [&] {
      if (driver > 0) kill(driver, SIGTERM);
    });
    options.on_line = [&](std::string_view line) {
      constexpr std::string_view kOnPort =
          "successfully on port ";  // "ChromeDriver was started successfully on port 3."
      const size_t at = line.find(kOnPort);
      if (told || at == std::string_view::npos) return;
      told = true;
      const std::string_view rest = line.substr(at + kOnPort.size());
      port.set_value(std::string(rest.substr(0, rest.find('.'))));
    };
    try {
      RunChild({"chromedriver", "--port=0"}, options, Deadline::After(std::chrono::minutes(10)));
    } catch (const std::exception&) {
      // It is not there, or was ended.
    }
    if (!told) port.set_value("");
  });
  const std::string number = known.get();
  if (number.empty()) throw Error("chromedriver does not start; it is in Debian's package chromium-driver");
  url_ = "http://127.0.0.1:" + number;
  const json options{{"args",
                      {"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                       "--user-data-dir=" + (directory_.path() / "profile").string()}}};
  const json capabilities{{"browserName", "chrome"},
                          {"goog:chromeOptions", options},
                          {"goog:loggingPrefs", {{"browser", "ALL"}, {"performance", "ALL"}}}};
  session_ =
      "/session/" +
      Send("POST", "/session", {{"capabilities", {{"alwaysMatch", capabilities}}}}).at("sessionId").get<std::string>();
}

Browser::~Browser() {
  try {
    if (!session_.empty()) Send("DELETE", session_);
  } catch (const std::exception& error) {
    fmt::print(stderr, "a browser may still run: {}\n", error.what());
  }
}

json Browser::Send(const std::string& method, const std::string& path, const json& body) {
  std::vector<std::string> command{"curl", "-s", "--noproxy", "*", "--max-time", "110", "-X", method, url_ + path};
  const std::filesystem::path file = directory_.path() / "body.json";
  if (!body.is_null()) {
    WriteFile(file, body.dump());
    command.insert(command.end(), {"-H", "Content-Type: application/json", "--data-binary", "@" + file.string()});
  }
  ChildOptions options;
  options.most_kept = 64u << 20;
  const ChildResult result = RunChild(command, options, Limit());
  if (!result.Succeeded()) throw Error(fmt::format("curl: {} {}", result.HowItEnded(), result.output));
  const json answer = json::parse(result.output).at("value");
  if (answer.is_object() && answer.contains("error")) {
    throw Error(fmt::format("the browser refuses {}: {}", path, answer.dump().substr(0, 500)));
  }
  return answer;
}

void Browser::Open(const std::filesystem::path& page) {
  Send("POST", session_ + "/url", {{"url", "file://" + page.string()}});
}

json Browser::Run(const std::string& function_body, json arguments) {
  return Send("POST", session_ + "/execute/sync", {{"script", function_body}, {"args", std::move(arguments)}});
}

void Browser::Press(const std::string& key) {
  const json actions{{{"type", "keyDown"}, {"value", key}}, {{"type", "keyUp"}, {"value", key}}};
  Send("POST", session_ + "/actions", {{"actions", {{{"type", "key"}, {"id", "keyboard"}, {"actions", actions}}}}});
}

void Browser::Resize(int width, int height) {
  Send("POST", session_ + "/goog/cdp/execute",
       {{"cmd", "Emulation.setDeviceMetricsOverride"},
        {"params", {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}}}});
}

void Browser::UseColours(const std::string& scheme) {
  Send("POST", session_ + "/goog/cdp/execute",
       {{"cmd", "Emulation.setEmulatedMedia"},
        {"params", {{"features", {{{"name", "prefers-color-scheme"}, {"value", scheme}}}}}}});
}

void Browser::SaveScreenshot(const std::filesystem::path& file) {
  const auto picture = Send("GET", session_ + "/screenshot").get<std::string>();
  WriteFile(directory_.path() / "picture", picture);
  ChildOptions options;
  options.most_kept = 64u << 20;
  const ChildResult result = RunChild({"base64", "-d", (directory_.path() / "picture").string()}, options, Limit());
  std::filesystem::create_directories(file.parent_path());
  WriteFile(file, result.output);
}

std::string Browser::PrintToPdf() { return Send("POST", session_ + "/print", json::object()).get<std::string>(); }

json Browser::Console() { return Send("POST", session_ + "/se/log", {{"type", "browser"}}); }

std::vector<std::string> Browser::Requests() {
  std::vector<std::string> requests;
  for (const json& entry : Send("POST", session_ + "/se/log", {{"type", "performance"}})) {
    const json message = json::parse(entry.at("message").get<std::string>()).at("message");
    if (message.at("method") != "Network.requestWillBeSent") continue;
    const json& request = message.at("params");
    // The browser's own first page is none of ours.
    if (!request.at("documentURL").get<std::string>().starts_with("file://")) continue;
    requests.push_back(request.at("request").at("url").get<std::string>());
  }
  return requests;
}

}  // namespace passthrough
