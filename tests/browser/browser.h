// Debian's Chromium without a window, driven through its WebDriver (https://www.w3.org/TR/webdriver2/).
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "helpers/base/files.h"

namespace passthrough {

// One session, of a browser with a profile of its own. It ends with this. Throws Error where the browser does not
// start or refuses a command.
class Browser {
 public:
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // Waits until the page is loaded.
  void Open(const std::filesystem::path& page);
  // What `function_body` returns in the page; its arguments are in `arguments`.
  nlohmann::json Run(const std::string& function_body, nlohmann::json arguments = nlohmann::json::array());
  void Press(const std::string& key);  // a character; "\xEE\x80\x84" is Tab (WebDriver, keyboard actions)
  void Resize(int width, int height);
  void UseColours(const std::string& scheme);  // "light", "dark"
  // As a file of that name, PNG.
  void SaveScreenshot(const std::filesystem::path& file);
  std::string PrintToPdf();  // bytes in base 64
  // Entries of its console, and requests that pages sent, since it was asked last.
  nlohmann::json Console();
  std::vector<std::string> Requests();

 private:
  nlohmann::json Send(const std::string& method, const std::string& path, const nlohmann::json& body = nullptr);

  TemporaryDirectory directory_{"browser"};
  std::string url_;
  std::string session_;
  std::jthread driver_;
};

}  // namespace passthrough
