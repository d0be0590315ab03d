using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

namespace VirtioGuest.Build;

/// <summary>Remembers from which inputs something was built, by the contents of the files.</summary>
internal sealed class InputStamp
{
    private static readonly string[] s_outputFolders = ["bin", "obj"];

    private readonly string _path;
    private readonly string _hash;

    private InputStamp(string path, string hash)
    {
        _path = path;
        _hash = hash;
    }

    /// <summary>Whether what was last built from these inputs was built from the same contents.</summary>
    public bool IsCurrent => File.Exists(_path) && File.ReadAllText(_path) == _hash;

    /// <summary>Takes the stamp of files and of whole folders, build output inside them left out.</summary>
    public static InputStamp Of(string path, IEnumerable<string> inputs)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in inputs.SelectMany(Files).Order(StringComparer.Ordinal))
        {
            byte[] content = File.ReadAllBytes(file);
            hash.AppendData(Encoding.UTF8.GetBytes($"{file}\n{content.Length}\n"));
            hash.AppendData(content);
        }

        return new InputStamp(path, Convert.ToHexString(hash.GetHashAndReset()));
    }

    /// <summary>Says that the build from these inputs is complete.</summary>
    public void Keep() => File.WriteAllText(_path, _hash);

    /// <summary>Says that nothing complete is there, because a build is about to start.</summary>
    public void Forget() => File.Delete(_path);

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
