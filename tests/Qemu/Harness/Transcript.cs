using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A serial log taken apart by the commands in it.</summary>
public sealed class Transcript
{
    private const string Prompt = "vg> ";
    private readonly List<(string Command, List<string> Output)> _entries = [];

    /// <summary>Takes a log apart.</summary>
    public Transcript(IEnumerable<string> lines)
    {
        foreach (string line in lines)
        {
            if (line.StartsWith(Prompt, StringComparison.Ordinal))
            {
                _entries.Add((line[Prompt.Length..].Trim(), []));
            }
            else if (_entries.Count == 0)
            {
                Start.Add(line);
            }
            else
            {
                _entries[^1].Output.Add(line.TrimEnd());
            }
        }
    }

    /// <summary>What came before the first prompt.</summary>
    public List<string> Start { get; } = [];

    /// <summary>The commands in their order.</summary>
    public IEnumerable<string> Commands => _entries.Select(entry => entry.Command);

    /// <summary>The lines that a command printed; a command that did not run fails the test.</summary>
    /// <param name="command">The command as it was given.</param>
    /// <param name="occurrence">Which one, where the same command was given more than once; 0 the first.</param>
    public IReadOnlyList<string> OutputOf(string command, int occurrence = 0)
    {
        List<List<string>> outputs =
            [.. _entries.Where(entry => entry.Command == command).Select(entry => entry.Output)];
        if (occurrence >= outputs.Count)
        {
            Assert.Fail($"'{command}' ran {outputs.Count} times. Commands: {string.Join(" | ", Commands)}");
        }

        return outputs[occurrence];
    }

    /// <summary>The same as one text.</summary>
    public string TextOf(string command, int occurrence = 0)
    {
        return string.Join('\n', OutputOf(command, occurrence));
    }
}
