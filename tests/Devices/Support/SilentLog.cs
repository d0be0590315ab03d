using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Tests.Support;

/// <summary>Keeps warnings.</summary>
internal sealed class SilentLog : DeviceLog
{
    public List<string> Warnings { get; } = [];

    public override void Information(string message)
    {
    }

    public override void Warning(string message) => Warnings.Add(message);
}
