using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Threading;

namespace VirtioGuest.Build;

/// <summary>
/// Builds only when something has changed. Two builds into the same folder take turns, and the second finds the work
/// done.
/// </summary>
internal static class IncrementalBuild
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);
    private static readonly string[] s_outputFolders = ["bin", "obj"];

    /// <param name="folder">Holds the lock, and the hash of the inputs of the last complete build.</param>
    /// <param name="inputs">Files and whole folders. This tool is always an input as well.</param>
    /// <param name="outputs">Files that have to exist after a build.</param>
    /// <param name="build">Builds the outputs.</param>
    /// <exception cref="BuildFailure">The build failed, or another one has held the lock for ten minutes.</exception>
    public static void Run(string folder, IEnumerable<string> inputs, IEnumerable<string> outputs, Action build)
    {
        Directory.CreateDirectory(folder);
        using FileStream turn = Lock(Path.Combine(folder, "lock"));
        string stamp = Path.Combine(folder, "inputs.stamp");
        string hash = Hash(inputs.Append(typeof(IncrementalBuild).Assembly.Location));
        if (File.Exists(stamp) && File.ReadAllText(stamp) == hash && outputs.All(File.Exists))
        {
            return;
        }

        File.Delete(stamp);
        build();
        File.WriteAllText(stamp, hash);
    }

    private static FileStream Lock(string path)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (watch.Elapsed > s_limit)
            {
                throw new BuildFailure($"another build holds {path}", e);
            }
            catch (IOException)
            {
                Thread.Sleep(s_pause);
            }
        }
    }

    private static string Hash(IEnumerable<string> inputs)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in inputs.SelectMany(Files).Order(StringComparer.Ordinal))
        {
            byte[] content = File.ReadAllBytes(file);
            hash.AppendData(Encoding.UTF8.GetBytes($"{file}\n{content.Length}\n"));
            hash.AppendData(content);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static IEnumerable<string> Files(string input)
    {
        if (!Directory.Exists(input))
        {
            return File.Exists(input) ? [input] : [];
        }

        return Directory.EnumerateFiles(input).Concat(
            Directory.EnumerateDirectories(input)
                .Where(folder => !s_outputFolders.Contains(Path.GetFileName(folder)))
                .SelectMany(Files));
    }
}
