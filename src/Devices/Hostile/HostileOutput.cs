namespace VirtioGuest.Devices.Hostile;

/// <summary>
/// Where a hostile device's interrupts leave it: some twice, some at addresses that nobody gave, and a line that stays
/// up once it was raised.
/// </summary>
public sealed class HostileOutput : InterruptOutput
{
    private readonly InterruptOutput _output;
    private readonly SeededRandom _random;
    private readonly bool _isHostile;
    private readonly bool _holdsLine;

    /// <summary>Leads interrupts on.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="random">What its choices are drawn from.</param>
    /// <param name="hostility">In what the device is hostile.</param>
    public HostileOutput(InterruptOutput output, SeededRandom random, Hostility hostility)
    {
        _output = output;
        _random = random;
        _isHostile = (hostility & Hostility.Interrupts) != 0;
        _holdsLine = _isHostile && random.Chance(50);
    }

    /// <inheritdoc/>
    public override void SendMessage(ulong address, uint data)
    {
        _output.SendMessage(address, data);
        if (_isHostile && _random.Chance(30))
        {
            _output.SendMessage(address, data);
            _output.SendMessage(_random.Chance(50) ? address : _random.WideBits(), _random.Edge());
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

/// <summary>Has a device interrupt at accesses to its registers, with nothing used and nothing changed.</summary>
internal sealed class InterruptStorm
{
    private readonly DeviceTransport _transport;
    private readonly SeededRandom _random;
    private readonly int _percent;

    public InterruptStorm(DeviceTransport transport, SeededRandom random, Hostility hostility)
    {
        _transport = transport;
        _random = random;
        _percent = (hostility & Hostility.Interrupts) == 0 ? 0 : random.Chance(30) ? 100 : random.Below(50);
    }

    /// <summary>The driver made an access.</summary>
    public void OnAccess()
    {
        if (_percent == 0 || (_transport.Model.Status & StatusBit.FeaturesOk) == 0 || !_random.Chance(_percent))
        {
            return;
        }

        if (_random.Chance(50))
        {
            _transport.NotifyConfiguration();
        }
        else
        {
            _transport.NotifyUsed(_transport.Model.Queues[_random.Below(_transport.Model.Queues.Length)]);
        }
    }
}
