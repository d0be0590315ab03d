using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>What no analyzer sees to. Each guard gives one line per offence: <c>path(line): what</c>.</summary>
public static partial class StyleGuards
{
    private const int LongestLine = 120;

    /// <summary>
    /// Where pointers belong: the machine layer, the seams to the machine and to what .NET's class library calls, the
    /// ring accessors, and the memory that devices and simulated machines share with a guest.
    /// </summary>
    private static readonly string[] s_unsafeFolders =
    [
        "src/LibOS/", "src/Hal/", "src/Kernel/Machine/", "src/Kernel/Sockets/", "src/Drivers/Virtio/Rings/",
        "src/Devices/Memory/", "src/VhostUser/Native/", "src/Simulation/", "src/Recording/",
        "src/Cosmos/VirtioGuest.Cosmos/Machine/",
    ];

    /// <summary>The core library must name its types as the compiler looks for them.</summary>
    private const string CoreLibrary = "src/LibOS/Corelib/";

    /// <summary>No <c>#region</c> in C# code.</summary>
    public static IEnumerable<string> Regions(SourceFile file) => CSharpTokens.Read(file.Text)
        .Where(token => token.Text.StartsWith("#region", StringComparison.Ordinal))
        .Select(token => $"{file}({token.Line}): a region hides code; split the type instead");

    /// <summary>No <c>unsafe</c> in C# code of the product outside the folders made for it.</summary>
    public static IEnumerable<string> Pointers(SourceFile file) => file.IsBelow(s_unsafeFolders)
        ? []
        : CSharpTokens.Read(file.Text)
            .Where(token => token.Text == "unsafe")
            .Select(token => $"{file}({token.Line}): unsafe belongs in {string.Join(", ", s_unsafeFolders)}");

    /// <summary>
    /// A C# file below src has one file-scoped namespace, and its name is its folder's; a folder that is named as a
    /// project is says all of the name up to there.
    /// </summary>
    public static IEnumerable<string> Namespaces(SourceFile file)
    {
        if (file.IsBelow(CoreLibrary))
        {
            yield break;
        }

        string folder = file.Folder["src/".Length..].TrimEnd('/').Replace('/', '.');
        int project = folder.LastIndexOf("VirtioGuest.", StringComparison.Ordinal);
        string wanted = project < 0 ? "VirtioGuest." + folder : folder[project..];
        IReadOnlyList<Token> tokens = CSharpTokens.Read(file.Text);
        int[] starts = [.. Enumerable.Range(0, tokens.Count).Where(index => tokens[index].Text == "namespace")];
        if (starts.Length != 1)
        {
            yield return $"{file}(1): has {starts.Length} namespaces instead of one";
            yield break;
        }

        Token[] name = [.. tokens.Skip(starts[0] + 1).TakeWhile(token => token.Text is not (";" or "{"))];
        string declared = string.Concat(name.Select(token => token.Text));
        string end = tokens.Skip(starts[0] + 1 + name.Length).Select(token => token.Text).FirstOrDefault(string.Empty);
        if (declared != wanted || end != ";")
        {
            yield return $"{file}({tokens[starts[0]].Line}): says namespace {declared}{end} instead of {wanted};";
        }
    }

    /// <summary>No tabs, only line feeds, and one at the end of the file.</summary>
    public static IEnumerable<string> Layout(SourceFile file)
    {
        bool tabsAreItsFormat = file.Path.EndsWith(".sln", StringComparison.Ordinal);
        string[] lines = file.Lines;
        for (int line = 0; line < lines.Length; line++)
        {
            if (lines[line].Contains('\t', StringComparison.Ordinal) && !tabsAreItsFormat)
            {
                yield return $"{file}({line + 1}): has a tab";
            }

            if (lines[line].Contains('\r', StringComparison.Ordinal))
            {
                yield return $"{file}({line + 1}): has a carriage return";
            }
        }

        if (file.Text.Length > 0 && !file.Text.EndsWith('\n'))
        {
            yield return $"{file}({lines.Length}): does not end its last line";
        }
    }

    /// <summary>No line of C# code over 120 characters.</summary>
    public static IEnumerable<string> LongLines(SourceFile file) => file.Lines
        .Select((line, index) => (line.TrimEnd('\r').Length, Number: index + 1))
        .Where(line => line.Length > LongestLine)
        .Select(line => $"{file}({line.Number}): has {line.Length} characters, {LongestLine} are the limit");

    /// <summary>No absolute path into someone's home or scratch folder.</summary>
    public static IEnumerable<string> MachinePaths(SourceFile file) => file.Lines
        .Select((line, index) => (Match: MachinePath().Match(line), Number: index + 1))
        .Where(line => line.Match.Success)
        .Select(line => $"{file}({line.Number}): names {line.Match.Value}, a folder of one machine");

    /// <summary>A path that starts at the root; <c>$x/tmp</c> and <c>../tmp</c> start elsewhere.</summary>
    [GeneratedRegex(@"(?<![\w.)}\]*-])/(?:home|root|work|tmp)(?![\w.-])")]
    private static partial Regex MachinePath();
}
