using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>Shows what drivers say on Cosmos' screen.</summary>
internal sealed class ConsoleLog : DeviceLog
{
    /// <inheritdoc/>
    public override void Information(string message) => Console.WriteLine(message);

    /// <inheritdoc/>
    public override void Warning(string message) => Console.WriteLine("warning: " + message);
}
