using VirtioGuest.Devices;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>A device's pin, wired to a line.</summary>
internal sealed class LineOutput(ModelPlatform platform, byte line) : InterruptOutput
{
    private bool _isAsserted;

    public override void SendMessage(ulong address, uint data) =>
        throw new System.InvalidOperationException("Cosmos takes no messages");

    public override void SetLine(bool isAsserted)
    {
        if (isAsserted != _isAsserted)
        {
            _isAsserted = isAsserted;
            platform.SetLine(line, isAsserted);
        }
    }
}
