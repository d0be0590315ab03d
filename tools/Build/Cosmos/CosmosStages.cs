using System;
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
    private readonly DateTime _begin = DateTime.UtcNow;

    /// <param name="output">The folder that all of the build's output goes to.</param>
    public CosmosStages(string output) => _folder = Path.Combine(output, "bin", "VirtioGuest.Cosmos.Kernel");

    /// <summary>The stage that the build is at, in a few words.</summary>
    public string Current
    {
        get
        {
            FileInfo[] files = Directory.Exists(_folder)
                ? [.. new DirectoryInfo(_folder).EnumerateFiles(Files, SearchOption.AllDirectories)
                    .Where(file => file.LastWriteTimeUtc >= _begin)]
                : [];
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
}
