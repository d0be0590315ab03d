using System;
using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>What drivers said.</summary>
internal sealed class SimulatedLog : DeviceLog
{
    public List<string> Warnings { get; } = new List<string>();

    public List<string> Notices { get; } = new List<string>();

    /// <summary>Whether a warning has some words, whoever warns meanwhile.</summary>
    public bool HasWarned(string words)
    {
        lock (Warnings)
        {
            return Warnings.Exists(line => line.Contains(words, StringComparison.Ordinal));
        }
    }

    public override void Information(string message)
    {
        lock (Notices)
        {
            Notices.Add(message);
        }
    }

    public override void Warning(string message)
    {
        lock (Warnings)
        {
            Warnings.Add(message);
        }
    }
}
