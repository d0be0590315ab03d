using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Cosmos;

/// <summary>
/// How far the build of a Cosmos kernel has come, by the files that it leaves: it takes minutes, and says nothing.
/// </summary>
internal sealed class CosmosStages
{
    private const string Files = "VirtioGuest.Cosmos.Kernel.*";

    private static readonly (string Extension, string Stage)[] s_stages =
    [
        (".iso", "the CD image is written"),
        (".bin", "the CD image is made"),
        (".obj", "ld links"),
        (".asm", "IL2CPU and yasm are at work"),
        (".dll", "IL2CPU reads the assemblies"),
    ];

    private readonly string _folder;
    // What was there before is known by its own time: a file's time lags behind the clock by some milliseconds.
    private readonly Dictionary<string, DateTime> _before;

    /// <param name="output">The folder that all of the build's output goes to.</param>
    public CosmosStages(string output)
    {
        _folder = Path.Combine(output, "bin", "VirtioGuest.Cosmos.Kernel");
        _before = ListFiles().ToDictionary(file => file.FullName, file => file.LastWriteTimeUtc);
    }

    /// <summary>The stage that the build is at, in a few words.</summary>
    public string Current
    {
        get
        {
            FileInfo[] files = [.. ListFiles().Where(IsNew)];
            foreach ((string extension, string stage) in s_stages)
            {
                FileInfo? file = files.FirstOrDefault(each => each.Extension == extension);
                if (file is not null)
                {
                    string length = (file.Length / 1e6).ToString("F0", CultureInfo.InvariantCulture);
                    return extension == ".dll" ? stage : $"{stage}, {length} MB of {extension[1..]}";
                }
            }

            return "the sources are compiled";
        }
    }

    private IEnumerable<FileInfo> ListFiles() => Directory.Exists(_folder)
        ? new DirectoryInfo(_folder).EnumerateFiles(Files, SearchOption.AllDirectories)
        : [];

    private bool IsNew(FileInfo file) =>
        !_before.TryGetValue(file.FullName, out DateTime before) || file.LastWriteTimeUtc != before;
}
