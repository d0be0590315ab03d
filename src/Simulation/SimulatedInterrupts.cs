using System;
using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Devices;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// Interrupts that call their handlers at once, or when the test delivers them. Lines are level-triggered.
/// </summary>
/// <remarks>Any thread may send; one at a time delivers.</remarks>
public sealed class SimulatedInterrupts : InterruptController
{
    /// <summary>The last line there is.</summary>
    public const byte LastLine = 15;

    private const ulong MessageAddress = 0xFEE0_0000;
    private const uint FirstVector = 0x40;

    /// <summary>How often a line that nobody claims is served before it is masked.</summary>
    private const int UnclaimedLimit = 1000;

    /// <summary>How many calls a raised line gets in a row, claimed or not, before it is masked.</summary>
    private const int ServiceLimit = 10_000;

    private readonly List<Message> _messages = [];
    private readonly List<Line> _lines = [];
    private readonly Queue<Message> _pending = new();
    private readonly HashSet<byte> _raised = [];
    private readonly HashSet<byte> _pulsed = [];
    private bool _isServingLines;

    /// <summary>How many messages are still to be given out.</summary>
    public int MessagesLeft { get; set; } = int.MaxValue;

    /// <summary>Whether the machine has messages at all.</summary>
    public bool MessagesExist { get; set; } = true;

    /// <summary>Whether threads may claim messages.</summary>
    public bool HasClaims { get; set; }

    /// <summary>Whether each device is to make do with one message.</summary>
    public bool AreScarce { get; set; }

    /// <summary>Whether the machine has lines at all.</summary>
    public bool LinesExist { get; set; } = true;

    /// <summary>Whether handlers of lines are called now and then instead of by interrupts.</summary>
    public bool LinesArePolled { get; set; }

    /// <summary>Whether interrupts wait for <see cref="Deliver"/>.</summary>
    public bool IsQueued { get; set; }

    /// <summary>How many more times the handler of a message is called for nothing, whenever it is called.</summary>
    public int Repeats { get; set; }

    /// <summary>How many messages wait to be delivered.</summary>
    public int Pending => _pending.Count;

    /// <summary>How many messages came that nobody waits for.</summary>
    public int Spurious { get; private set; }

    /// <summary>How often the handlers of a line were called and none claimed the interrupt.</summary>
    public int Unclaimed { get; private set; }

    /// <summary>The lines that were masked, because they stayed raised whatever the handlers did.</summary>
    public List<byte> MaskedLines { get; } = [];

    /// <inheritdoc/>
    public override bool HasMessages => MessagesExist;

    /// <inheritdoc/>
    public override bool IsShortOfMessages => AreScarce;

    /// <summary>The names of the messages that are in use.</summary>
    public IEnumerable<string> NamesInUse =>
        _messages.FindAll(message => !message.IsReleased).ConvertAll(message => message.Name);

    /// <inheritdoc/>
    public override MessageInterrupt? AllocateMessage(string name, InterruptHandler handler)
    {
        if (!MessagesExist || MessagesLeft == 0)
        {
            return null;
        }

        MessagesLeft--;
        lock (_messages)
        {
            Message message = new Message(this, name, handler, MessageAddress, FirstVector + (uint)_messages.Count);
            _messages.Add(message);
            return message;
        }
    }

    /// <inheritdoc/>
    public override LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler)
    {
        if (!LinesExist || line > LastLine)
        {
            return null;
        }

        Line share = new Line(this, line, handler);
        _lines.Add(share);
        return share;
    }

    /// <summary>Where a device's interrupts leave it for this machine.</summary>
    /// <param name="line">The line that its pin is wired to.</param>
    /// <param name="isPulsed">Whether the device lowers its line as soon as it has raised it.</param>
    public InterruptOutput OutputTo(byte line, bool isPulsed = false) => new Output(this, line, isPulsed);

    /// <summary>A device sends a message.</summary>
    public void Send(ulong address, uint data)
    {
        lock (_messages)
        {
            Message? message = _messages.Find(m => m.Address == address && m.Data == data && !m.IsReleased);
            if (message is null)
            {
                Spurious++;
                return;
            }

            Enqueue(message);
        }

        DeliverAtOnce();
    }

    /// <summary>A device raises its line, which stays so until it lowers it.</summary>
    public void RaiseLine(byte line)
    {
        lock (_messages)
        {
            _raised.Add(line);
        }

        DeliverAtOnce();
    }

    /// <summary>A device lowers its line.</summary>
    public void LowerLine(byte line)
    {
        lock (_messages)
        {
            _raised.Remove(line);
        }
    }

    /// <summary>A device raises its line and lowers it at once, as seen where lines are edge-triggered.</summary>
    public void PulseLine(byte line)
    {
        lock (_messages)
        {
            _pulsed.Add(line);
        }

        DeliverAtOnce();
    }

    /// <summary>Calls the handlers of what is pending, and of what becomes pending meanwhile.</summary>
    /// <param name="limit">
    /// How many messages, and rounds of each line, at most: a hostile device asks again for every answer.
    /// </param>
    /// <returns>How many handlers were called.</returns>
    public int Deliver(int limit = int.MaxValue)
    {
        int calls = 0;
        for (int i = 0; i < limit && TryTakePending(out Message? message); i++)
        {
            calls += message!.Deliver() ? 1 : 0;
        }

        // A handler that makes its device raise the line again is served by the loop that called it.
        if (!_isServingLines)
        {
            _isServingLines = true;
            try
            {
                for (byte line = 0; line <= LastLine; line++)
                {
                    calls += TryTakePulse(line) ? Call(line, out _) : 0;
                    calls += Serve(line, limit);
                }
            }
            finally
            {
                _isServingLines = false;
            }
        }

        return calls;
    }

    private void Enqueue(Message message)
    {
        message.IsPending = true;
        _pending.Enqueue(message);
    }

    private void DeliverAtOnce()
    {
        if (!IsQueued)
        {
            Deliver();
        }
    }

    private bool TryTakePending(out Message? message)
    {
        lock (_messages)
        {
            return _pending.TryDequeue(out message);
        }
    }

    private bool TryTakePulse(byte line)
    {
        lock (_messages)
        {
            return _pulsed.Remove(line) && !MaskedLines.Contains(line);
        }
    }

    private bool IsRaised(byte line)
    {
        lock (_messages)
        {
            return _raised.Contains(line) && !MaskedLines.Contains(line);
        }
    }

    /// <summary>Calls every handler of a line once.</summary>
    private int Call(byte line, out bool isClaimed)
    {
        int calls = 0;
        isClaimed = false;
        foreach (Line share in _lines.FindAll(l => l.Number == line))
        {
            calls++;
            isClaimed |= share.Deliver();
        }

        Unclaimed += isClaimed ? 0 : 1;
        return calls;
    }

    private int Serve(byte line, int limit)
    {
        int calls = 0;
        int unclaimed = 0;
        for (int i = 0; i < limit && IsRaised(line); i++)
        {
            calls += Call(line, out bool isClaimed);
            unclaimed = isClaimed ? 0 : unclaimed + 1;
            if (unclaimed == UnclaimedLimit || calls >= ServiceLimit)
            {
                MaskedLines.Add(line);
            }
        }

        return calls;
    }

    private sealed class Message(
        SimulatedInterrupts owner, string name, InterruptHandler handler, ulong address, uint data)
        : MessageInterrupt(address, data)
    {
        private readonly object _claim = new();
        private ulong _count;
        private ulong _arrivals;
        private ulong _seen;
        private bool _isClaimed;

        public override ulong Count => _count;

        public string Name => name;

        /// <summary>Whether it has arrived and its handler was not called yet.</summary>
        public bool IsPending { get; set; }

        public bool IsReleased { get; private set; }

        public override bool TryClaim()
        {
            lock (_claim)
            {
                if (!owner.HasClaims || _isClaimed || IsReleased)
                {
                    return false;
                }

                _isClaimed = true;
                _seen = _arrivals;
                return true;
            }
        }

        public override ClaimedWait WaitClaimed(ulong nanoseconds)
        {
            lock (_claim)
            {
                // A process wakes waiters for no reason too; that is as if the interrupt had come.
                bool hasArrived = _arrivals != _seen || IsReleased
                    || Monitor.Wait(_claim, TimeSpan.FromMilliseconds(Math.Min(nanoseconds / 1e6, int.MaxValue)));
                _seen = _arrivals;
                return IsReleased ? ClaimedWait.Released : hasArrived ? ClaimedWait.Arrived : ClaimedWait.TimedOut;
            }
        }

        public override bool EndClaim()
        {
            lock (_claim)
            {
                _isClaimed = false;
                return _arrivals != _seen;
            }
        }

        public override void HandOver()
        {
            lock (owner._messages)
            {
                owner.Enqueue(this);
            }

            owner.DeliverAtOnce();
        }

        public override void WakeClaimant() => TryWakeClaimant();

        public override void Release()
        {
            if (!IsReleased)
            {
                IsReleased = true;
                owner.MessagesLeft++;
                TryWakeClaimant();
            }
        }

        /// <summary>Calls the handler once for all arrivals since the last call.</summary>
        public bool Deliver()
        {
            if (!IsPending || IsReleased)
            {
                return false;
            }

            IsPending = false;
            for (int i = 0; i <= owner.Repeats; i++)
            {
                _count++;
                if (!TryWakeClaimant())
                {
                    handler.OnInterrupt();
                }
            }

            return true;
        }

        private bool TryWakeClaimant()
        {
            lock (_claim)
            {
                _arrivals++;
                Monitor.PulseAll(_claim);
                return _isClaimed;
            }
        }
    }

    private sealed class Line(SimulatedInterrupts owner, byte line, InterruptHandler handler) : LineInterrupt(line)
    {
        private ulong _count;

        public byte Number { get; } = line;

        public override bool IsPolled => owner.LinesArePolled;

        public override ulong Count => _count;

        public override void Release() => owner._lines.Remove(this);

        public bool Deliver()
        {
            _count++;
            return handler.OnInterrupt();
        }
    }

    private sealed class Output(SimulatedInterrupts interrupts, byte line, bool isPulsed) : InterruptOutput
    {
        public override void SendMessage(ulong address, uint data) => interrupts.Send(address, data);

        public override void SetLine(bool isAsserted)
        {
            if (!isAsserted)
            {
                interrupts.LowerLine(line);
            }
            else if (isPulsed)
            {
                interrupts.PulseLine(line);
            }
            else
            {
                interrupts.RaiseLine(line);
            }
        }
    }
}
