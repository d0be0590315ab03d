using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>Keeps what drivers say.</summary>
public sealed class RecordingLog : DeviceLog
{
    /// <summary>What was worth knowing, in order.</summary>
    public List<string> Informations { get; } = [];

    /// <summary>What works less well than it should, in order.</summary>
    public List<string> Warnings { get; } = [];

    /// <inheritdoc/>
    public override void Information(string message) => Informations.Add(message);

    /// <inheritdoc/>
    public override void Warning(string message) => Warnings.Add(message);
}
