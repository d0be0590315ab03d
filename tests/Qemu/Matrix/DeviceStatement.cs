using System;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>What <c>lsvirtio</c> says of one device.</summary>
public sealed class DeviceStatement
{
    private const string Indent = "    ";

    private DeviceStatement(string heading, IReadOnlyList<string> lines)
    {
        Heading = heading;
        Lines = lines;
    }

    /// <summary>The line that names it.</summary>
    public string Heading { get; }

    /// <summary>The lines below, without what they are indented by first.</summary>
    public IReadOnlyList<string> Lines { get; }

    /// <summary>Finds a device in what the command printed; null where it is not there.</summary>
    public static DeviceStatement? Find(IReadOnlyList<string> output, string device)
    {
        int start = output.ToList().FindIndex(line => line.StartsWith(device + ":", StringComparison.Ordinal));
        return start < 0
            ? null
            : new DeviceStatement(
                output[start],
                [.. output.Skip(start + 1).TakeWhile(line => line.StartsWith(Indent, StringComparison.Ordinal))
                    .Select(line => line[Indent.Length..])]);
    }

    /// <summary>What stands behind a word and a colon; empty where no line has it.</summary>
    public string Of(string word) =>
        Lines.FirstOrDefault(line => line.StartsWith(word + ": ", StringComparison.Ordinal)) is { } line
            ? line[(word.Length + 2)..]
            : string.Empty;

    /// <summary>The two lines of a queue as one.</summary>
    public string Queue(string name)
    {
        int line = Lines.ToList().FindIndex(text => text.Contains($" {name}: ", StringComparison.Ordinal));
        return line < 0 ? string.Empty : Lines[line] + string.Concat(Lines.Skip(line + 1).Take(1));
    }
}
