using System.Collections.Generic;

namespace VirtioGuest.Devices.Tests.Support;

/// <summary>Remembers a device's interrupts.</summary>
internal sealed class RecordingOutput : InterruptOutput
{
    public List<(ulong Address, uint Data)> Messages { get; } = [];

    public List<bool> LineChanges { get; } = [];

    public bool IsLineAsserted => LineChanges.Count != 0 && LineChanges[^1];

    public override void SendMessage(ulong address, uint data) => Messages.Add((address, data));

    public override void SetLine(bool isAsserted) => LineChanges.Add(isAsserted);
}
