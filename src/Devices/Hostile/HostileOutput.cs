namespace VirtioGuest.Devices.Hostile;

/// <summary>
/// Where a hostile device's interrupts leave it: some twice, some at addresses that nobody gave, and a line that stays
/// up once it was raised.
/// </summary>
public sealed class HostileOutput : InterruptOutput
{
    private readonly InterruptOutput _output;
    private readonly Whims _whims;
    private readonly bool _isHostile;
    private readonly bool _holdsLine;

    /// <summary>Leads interrupts on.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="whims">Who decides.</param>
    /// <param name="hostility">In what the device is hostile.</param>
    public HostileOutput(InterruptOutput output, Whims whims, Hostility hostility)
    {
        _output = output;
        _whims = whims;
        _isHostile = (hostility & Hostility.Interrupts) != 0;
        _holdsLine = _isHostile && whims.Chance(50);
    }

    /// <inheritdoc/>
    public override void SendMessage(ulong address, uint data)
    {
        _output.SendMessage(address, data);
        if (_isHostile && _whims.Chance(30))
        {
            _output.SendMessage(address, data);
            _output.SendMessage(_whims.Chance(50) ? address : _whims.WideBits(), _whims.Edge());
        }
    }

    /// <inheritdoc/>
    public override void SetLine(bool isAsserted)
    {
        if (isAsserted || !_holdsLine)
        {
            _output.SetLine(isAsserted);
        }
    }
}
