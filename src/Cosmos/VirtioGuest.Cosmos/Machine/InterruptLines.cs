using System;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// The lines of the two 8259s, each shared by any number of devices. Cosmos has no messages (MSI, MSI-X).
/// </summary>
/// <remarks>
/// A handler can be attached to every line. Where no interrupt can come, <see cref="Poll"/> serves it instead.
/// </remarks>
public sealed class InterruptLines : InterruptController
{
    private const int LineCount = 16;

    /// <summary>Stands for every number that is no line, such as 0xFF: the firmware has assigned none.</summary>
    private const int NoLine = LineCount;

    /// <summary>
    /// The lines that PCI functions get on a PC: 3 to 7 and 9 to 11. The others belong to the timer, the keyboard, the
    /// cascade, the clock, the mouse, the coprocessor and the two IDE channels.
    /// </summary>
    private const uint LinesOfFunctions = 0x0EF8;

    private readonly SharedLine[] _lines = new SharedLine[LineCount + 1];

    internal InterruptLines(Platform platform, TimestampClock clock, DeviceLog log)
    {
        for (int i = 0; i < _lines.Length; i++)
        {
            _lines[i] = new SharedLine(platform, clock, log, (byte)i);
            if ((LinesOfFunctions & (1u << i)) == 0)
            {
                _lines[i].LeaveTo(isForeign: false);
            }
        }
    }

    /// <inheritdoc/>
    public override bool HasMessages => false;

    /// <summary>Leaves a line to a driver of Cosmos' own. To be called before a handler is attached to it.</summary>
    /// <remarks>Cosmos calls one handler for each line, and does not tell whether there is one.</remarks>
    public void LeaveAlone(byte line) => Find(line).LeaveTo(isForeign: true);

    /// <summary>Whether devices must not raise a line, because no handler of ours is called for it.</summary>
    public bool IsPolled(byte line) => Find(line).IsPolled;

    /// <summary>Whether a line was left to a driver of Cosmos' own, which may be using it.</summary>
    public bool IsForeign(byte line) => line < LineCount && _lines[line].IsForeign;

    /// <summary>Calls the handlers of all lines that do not interrupt.</summary>
    public void Poll()
    {
        for (int i = 0; i < _lines.Length; i++)
        {
            _lines[i].Poll();
        }
    }

    /// <inheritdoc/>
    public override MessageInterrupt? AllocateMessage(string name, InterruptHandler handler) => null;

    /// <inheritdoc/>
    public override LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler) =>
        Find(line).Add(line, handler);

    private SharedLine Find(byte line) => _lines[line < LineCount ? line : NoLine];
}

/// <summary>
/// An interrupt line with all our devices on it. Cosmos calls one handler for each line, and this one calls those of
/// all devices: the line is level-triggered, and each device that raises it keeps it raised until it is served.
/// </summary>
/// <remarks>
/// A line that leaves the processor no time is masked and polled: for good where no device of ours raises it, until the
/// next poll where they raise it faster than they can be served.
/// </remarks>
internal sealed class SharedLine : LineService
{
    /// <summary>
    /// How many interrupts in a row may each follow the last by less than <see cref="RushMicroseconds"/>, which leaves
    /// the interrupted program next to no time.
    /// </summary>
    private const int RushLimit = 256;

    private const ulong RushMicroseconds = 20;

    private readonly Platform _platform;
    private readonly TimestampClock _clock;
    private readonly DeviceLog _log;
    private readonly byte _line;
    private LineShare[] _shares = Array.Empty<LineShare>();
    private ulong _lastEnd;
    private int _unclaimed;
    private int _rushed;
    private bool _isConnected;
    private bool _isHeld;
    private bool _isServing;
    private bool _hasWarned;

    internal SharedLine(Platform platform, TimestampClock clock, DeviceLog log, byte line)
    {
        _platform = platform;
        _clock = clock;
        _log = log;
        _line = line;
    }

    /// <summary>Whether devices must not raise the line: the handler is a foreign one, or there can be none.</summary>
    internal bool IsPolled { get; private set; }

    internal bool IsForeign { get; private set; }

    internal void LeaveTo(bool isForeign)
    {
        IsPolled = true;
        IsForeign |= isForeign;
    }

    internal LineShare Add(byte line, InterruptHandler handler)
    {
        var share = new LineShare(this, line, handler);
        var shares = new LineShare[_shares.Length + 1];
        for (int i = 0; i < _shares.Length; i++)
        {
            shares[i] = _shares[i];
        }

        shares[_shares.Length] = share;
        _shares = shares;
        if (!IsPolled && !_isConnected)
        {
            _isConnected = true;
            _platform.Connect(_line, this);
            _platform.SetMask(_line, isMasked: false);
        }

        return share;
    }

    internal void Remove(LineShare share)
    {
        int count = 0;
        for (int i = 0; i < _shares.Length; i++)
        {
            count += _shares[i] == share ? 0 : 1;
        }

        // A new array: Serve may be walking the old one.
        var shares = new LineShare[count];
        int next = 0;
        for (int i = 0; i < _shares.Length; i++)
        {
            if (_shares[i] != share)
            {
                shares[next++] = _shares[i];
            }
        }

        _shares = shares;
    }

    public override void OnLine()
    {
        if (_isServing)
        {
            return;
        }

        ulong gap = _platform.Timestamp - _lastEnd;
        bool isClaimed = Serve();
        bool isRushed = _clock.TicksPerMillisecond == 0
            ? !isClaimed
            : gap * 1000 < RushMicroseconds * _clock.TicksPerMillisecond;
        _unclaimed = isClaimed ? 0 : _unclaimed + 1;
        _rushed = isRushed ? _rushed + 1 : 0;
        _lastEnd = _platform.Timestamp;
        if (_rushed >= RushLimit)
        {
            _rushed = 0;
            Mask(isForGood: _unclaimed >= RushLimit);
        }
    }

    /// <summary>Serves a line that does not interrupt, and unmasks it where it was masked until now.</summary>
    internal void Poll()
    {
        if ((IsPolled || _isHeld) && !_isServing)
        {
            Serve();
            if (_isHeld && !IsPolled)
            {
                _isHeld = false;
                _platform.SetMask(_line, isMasked: false);
            }
        }
    }

    // Every handler: more than one device may have raised the line.
    private bool Serve()
    {
        // Handlers allocate, and Cosmos' heap turns interrupts on, so a timer may poll in between.
        _isServing = true;
        LineShare[] shares = _shares;
        bool isClaimed = false;
        for (int i = 0; i < shares.Length; i++)
        {
            isClaimed |= shares[i].Serve();
        }

        _isServing = false;
        return isClaimed;
    }

    private void Mask(bool isForGood)
    {
        _platform.SetMask(_line, isMasked: true);
        if (isForGood)
        {
            IsPolled = true;
            Warn("is raised by no device of ours: masked, its devices are polled");
        }
        else
        {
            _isHeld = true;
            if (!_hasWarned)
            {
                _hasWarned = true;
                Warn("leaves the processor no time: masked until the next poll, whenever it does so");
            }
        }
    }

    private void Warn(string what) => _log.Warning("interrupt line " + DecimalText.Of(_line) + " " + what);
}

/// <summary>One handler's share of a line.</summary>
internal sealed class LineShare : LineInterrupt
{
    private readonly SharedLine _owner;
    private readonly InterruptHandler _handler;
    private ulong _count;
    private bool _isReleased;

    /// <param name="owner">The line.</param>
    /// <param name="line">Its number as the function has it, which may be no line.</param>
    /// <param name="handler">Serves the device.</param>
    internal LineShare(SharedLine owner, byte line, InterruptHandler handler)
        : base(line)
    {
        _owner = owner;
        _handler = handler;
    }

    public override ulong Count => _count;

    public override void Release()
    {
        // SharedLine.Serve may be walking an array that it is in.
        _isReleased = true;
        _owner.Remove(this);
    }

    /// <returns>Whether the device had raised the line.</returns>
    internal bool Serve()
    {
        if (_isReleased)
        {
            return false;
        }

        _count++;
        return _handler.OnInterrupt();
    }
}
