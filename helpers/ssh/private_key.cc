#include "helpers/ssh/private_key.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {
namespace {

constexpr size_t kLargestKeyFile = 1u << 20;

// libssh asks here for the passphrase of a key that has one; nobody is asked in turn.
int NotePassphrase(const char*, char*, size_t, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

// What stat(2) can tell, empty if nothing is wrong.
std::string FileProblem(const std::filesystem::path& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    return fmt::format("private key {} cannot be used: {}{}. Give another: --ssh-key FILE, or ssh.key in the profile",
                       path.string(), strerror(errno),
                       path.is_relative() ? " (a relative path, from the directory in which this was started)" : "");
  }
  if (!S_ISREG(status.st_mode)) {
    return fmt::format("private key {} cannot be used: it is {}", path.string(),
                       S_ISDIR(status.st_mode) ? "a directory; give the file in it" : "not a regular file");
  }
  // As OpenSSH's sshkey_perm_ok() judges: only a file of one's own.
  if (status.st_uid == getuid() && (status.st_mode & 077) != 0) {
    return fmt::format("private key {} is open to others (mode {:04o}); ssh refuses such keys: {}", path.string(),
                       status.st_mode & 07777, ShellCommand({"chmod", "600", path.string()}));
  }
  return {};
}

bool LooksLikePublicKey(const std::string& content) {
  for (const char* start : {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "---- BEGIN SSH2 PUBLIC",
                            "-----BEGIN PUBLIC", "-----BEGIN RSA PUBLIC"}) {
    if (content.starts_with(start)) return true;
  }
  return false;
}

std::string PublicKeyProblem(const std::filesystem::path& path) {
  const bool has_pub = path.extension() == ".pub";
  return fmt::format("{} is a public key; give the private key{}", path.string(),
                     has_pub ? " " + std::filesystem::path(path).replace_extension().string() : "");
}

}  // namespace

namespace {

// The content of a key's file, read once as long as the file stays what it is: each of many nodes needs the key, and a
// run goes on where it has no descriptor left to read it anew. Any thread.
std::string ContentOf(const std::filesystem::path& path) {
  using Version = std::tuple<dev_t, ino_t, off_t, time_t, long>;
  struct Content {
    Version version;
    std::string text;
  };
  static std::mutex mutex;
  static std::map<std::string, Content> contents;
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return ReadFile(path, kLargestKeyFile);  // which says why
  const Version version{status.st_dev, status.st_ino, status.st_size, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
  const std::lock_guard lock(mutex);
  const auto known = contents.find(path.string());
  if (known != contents.end() && known->second.version == version) return known->second.text;
  std::string text = ReadFile(path, kLargestKeyFile);
  contents[path.string()] = {version, text};
  return text;
}

}  // namespace

KeyHandle LoadPrivateKey(const std::filesystem::path& path, std::string* problem) {
  *problem = FileProblem(path);
  if (!problem->empty()) return nullptr;
  std::string content;
  try {
    content = ContentOf(path);
  } catch (const Error& error) {
    *problem = fmt::format("private key cannot be used: {}", error.what());
    return nullptr;
  }
  if (LooksLikePublicKey(content)) {
    *problem = PublicKeyProblem(path);
    return nullptr;
  }
  ssh_key key = nullptr;
  bool asked = false;
  if (ssh_pki_import_privkey_base64(content.c_str(), nullptr, NotePassphrase, &asked, &key) == SSH_OK) {
    return KeyHandle(key);
  }
  if (asked) {
    *problem = fmt::format(
        "private key {} has a passphrase, and nobody is asked for one during a run: add it to an "
        "ssh-agent ({}) and name no key, or use a key without one",
        path.string(), ShellCommand({"ssh-add", path.string()}));
  } else {
    *problem = fmt::format("{} is not a private key that can be read (OpenSSH or PEM format)", path.string());
  }
  return nullptr;
}

std::optional<std::string> PrivateKeyProblem(const std::filesystem::path& key) {
  std::string problem;
  if (LoadPrivateKey(key, &problem) != nullptr) return std::nullopt;
  return problem;
}

std::string Fingerprint(ssh_key key) {
  unsigned char* hash = nullptr;
  size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != 0) return {};
  const TextHandle text(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size));
  ssh_clean_pubkey_hash(&hash);
  return text != nullptr ? text.get() : "";
}

}  // namespace passthrough
