#include "tests/ssh/openssh_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>

#include "helpers/base/descriptor.h"
#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;

std::string UserName() {
  const passwd* entry = getpwuid(getuid());
  if (entry == nullptr) throw Error("the current user has no passwd entry");
  return entry->pw_name;
}

// Where Debian's sshd has its privilege separation directory, which a boot's unit file makes. Only
// root's sshd uses it.
void MakePrivilegeSeparationDirectory() {
  if (getuid() == 0) mkdir("/run/sshd", 0755);
}

// The processes whose parent is `parent`.
std::vector<pid_t> Children(pid_t parent) {
  std::vector<pid_t> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(opendir("/proc"), closedir);
  while (const dirent* entry = processes != nullptr ? readdir(processes.get()) : nullptr) {
    std::ifstream file(std::string("/proc/") + entry->d_name + "/stat");
    std::string stat;
    std::getline(file, stat, '\0');
    const auto fields = SplitWords(std::string_view(stat).substr(stat.rfind(')') + 1));
    if (fields.size() > 1 && fields[1] == std::to_string(parent)) {
      children.push_back(std::stoi(entry->d_name));
    }
  }
  return children;
}

// All processes below `ancestor`, each before its children.
std::vector<pid_t> Descendants(pid_t ancestor) {
  std::vector<pid_t> all = Children(ancestor);
  for (size_t i = 0; i < all.size(); ++i) {
    for (const pid_t child : Children(all[i])) all.push_back(child);
  }
  return all;
}

std::string HostKeyName(const std::string& type) { return "host_" + type; }

}  // namespace

void MakeKeyPair(const std::filesystem::path& path, const std::string& type, const std::string& passphrase) {
  std::filesystem::remove(path);
  const auto result = RunChild({"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", "test", "-f", path.string()},
                               {}, Deadline::After(std::chrono::seconds(60)));
  if (!result.Succeeded()) throw Error("ssh-keygen: " + result.HowItEnded() + ": " + result.output);
}

const std::filesystem::path& TestUserKey() {
  static const TemporaryDirectory directory("test-ssh-key");
  static const std::filesystem::path key = [] {
    const auto path = directory.path() / "id_ed25519";
    MakeKeyPair(path);
    return path;
  }();
  return key;
}

uint16_t FreePort(const std::string& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), "0", &hints, &found) != 0) throw Error(address + " is no address");
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  const Descriptor fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage where = {};
  socklen_t size = sizeof where;
  if (bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&where), &size) != 0) {
    throw Error(fmt::format("no free port on {}: {}", address, strerror(errno)));
  }
  char port[NI_MAXSERV];
  getnameinfo(reinterpret_cast<sockaddr*>(&where), size, nullptr, 0, port, sizeof port, NI_NUMERICSERV);
  return static_cast<uint16_t>(std::stoi(port));
}

// Since OpenSSH 9.8 a client that was refused is not even heard for a while.
static bool HasPenalties(const std::filesystem::path& config) {
  static const bool has =
      RunChild({"/usr/sbin/sshd", "-t", "-f", config.string(), "-o", "PerSourcePenalties=no"}, {}, Deadline::Never())
          .Succeeded();
  return has;
}

OpensshServer::OpensshServer(const Options& options) : directory_("test-sshd"), options_(options), user_(UserName()) {
  if (options_.port == 0) options_.port = FreePort(options_.address);
  ChangeHostKeys();
  std::filesystem::copy_file(TestUserKey().string() + ".pub", directory_.path() / "authorized_keys");
  std::string config;
  for (const auto& line : options_.more_config) config += line + "\n";
  config += fmt::format("ListenAddress [{}]:{}\n", options_.address, options_.port);
  for (const auto& type : options_.host_key_types) {
    config += fmt::format("HostKey {}\n", (directory_.path() / HostKeyName(type)).string());
  }
  // Many connections at once are what these servers are for.
  config += fmt::format(
      "AuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\nMaxStartups 200\n"
      "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
      "PrintMotd no\nLogLevel VERBOSE\nSetEnv HOME={}\n",
      (directory_.path() / "authorized_keys").string(),
      directory_.path().string());  // where no shell finds the user's start-up files
  const std::filesystem::path file = directory_.path() / "sshd_config";
  WriteFile(file, config);
  MakePrivilegeSeparationDirectory();
  if (HasPenalties(file)) WriteFile(file, "PerSourcePenalties no\n" + config);
  if (options_.start) Start();
}

OpensshServer::~OpensshServer() { Stop(); }

SshAccount OpensshServer::account() const {
  SshAccount account;
  account.host = options_.address;
  account.port = options_.port;
  account.user = user_;
  account.key = TestUserKey();
  return account;
}

std::string OpensshServer::host_key() const {
  const auto name = HostKeyName(options_.host_key_types.front()) + ".pub";
  const std::string line = ReadFile(directory_.path() / name);
  const auto words = SplitWords(Trim(line));
  return std::string(words.at(0)) + " " + std::string(words.at(1));
}

void OpensshServer::Start() {
  const std::string config = (directory_.path() / "sshd_config").string();
  const std::string log_path = (directory_.path() / "log").string();
  std::string argv[] = {"/usr/sbin/sshd", "-D", "-f", config, "-E", log_path};
  char* arguments[] = {argv[0].data(), argv[1].data(), argv[2].data(), argv[3].data(),
                       argv[4].data(), argv[5].data(), nullptr};
  WriteFile(log_path, "");
  // It must not hold our own output open: somebody may wait for its end.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, 0, 1);
  posix_spawn_file_actions_adddup2(&actions, 0, 2);
  const int error = posix_spawn(&process_, arguments[0], &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw Error(fmt::format("cannot start {}: {}", argv[0], strerror(error)));
  WaitUntilListening();
}

void OpensshServer::Stop() {
  if (process_ <= 0) return;
  kill(process_, SIGSTOP);  // so that it starts none while they are counted
  for (const pid_t process : Descendants(process_)) kill(process, SIGKILL);
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

void OpensshServer::KillSessions() {
  // Stopped first: one that is killed while it forks leaves a process that nobody finds.
  std::vector<pid_t> processes;
  while (processes.size() != Descendants(process_).size()) {
    processes = Descendants(process_);
    for (const pid_t process : processes) kill(process, SIGSTOP);
  }
  for (const pid_t process : processes) kill(process, SIGKILL);
}

void OpensshServer::WaitUntilIdle() const {
  const Deadline deadline = Deadline::After(std::chrono::seconds(60));
  while (!Children(process_).empty()) {
    deadline.Check("end of the connections of sshd", log());
    std::this_thread::sleep_for(milliseconds(5));
  }
}

void OpensshServer::ChangeHostKeys() {
  for (const auto& type : options_.host_key_types) {
    MakeKeyPair(directory_.path() / HostKeyName(type), type);
  }
}

std::string OpensshServer::log() const { return ReadFile(directory_.path() / "log"); }

void OpensshServer::WaitUntilListening() {
  const Deadline deadline = Deadline::After(std::chrono::seconds(60));
  while (log().find("Server listening on") == std::string::npos) {
    if (waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = -1;
      throw Error("sshd ended: " + log());
    }
    deadline.Check("sshd", log());
    std::this_thread::sleep_for(milliseconds(5));
  }
}

}  // namespace passthrough
