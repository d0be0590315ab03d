using System;
using System.Globalization;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport.Pci;

/// <summary>
/// How a virtio function interrupts (virtio 1.4, 4.1.5.1.2 and 4.1.5.3 to 4.1.5.5): by MSI-X with as many vectors as
/// machine and device will give, else by its line.
/// </summary>
internal sealed class PciInterrupts
{
    private readonly Machine _machine;
    private readonly PciFunction _function;
    private readonly PciCommonConfiguration _common;
    private readonly MmioRegion? _isrStatus;
    private MsixTable? _table;
    private MessageInterrupt?[] _messages = Array.Empty<MessageInterrupt?>();
    private LineInterrupt? _line;
    private Sharing _sharing;

    /// <summary>Covers a function; nothing is arranged yet.</summary>
    internal PciInterrupts(
        Machine machine, PciFunction function, PciCommonConfiguration common, MmioRegion? isrStatus)
    {
        _machine = machine;
        _function = function;
        _common = common;
        _isrStatus = isrStatus;
    }

    /// <summary>How vectors are shared out, from what is best to what is least.</summary>
    private enum Sharing
    {
        /// <summary>One for configuration changes, one for each queue.</summary>
        None = 0,

        /// <summary>One for configuration changes, one for all queues.</summary>
        Queues = 1,

        /// <summary>One for everything.</summary>
        Everything = 2,
    }

    /// <summary>How the function interrupts, as shown to people.</summary>
    internal string Kind { get; private set; } = "none";

    /// <summary>Why it is not something better, as shown to people.</summary>
    internal string Reason { get; private set; } = "not connected";

    /// <summary>The vector of a queue, or -1.</summary>
    internal int VectorOf(ushort queueIndex) => _messages.Length == 0 ? -1 : VectorOf(_sharing, queueIndex);

    /// <summary>The message of a queue that shares it with nobody, or null.</summary>
    internal MessageInterrupt? QueueInterrupt(ushort queueIndex) =>
        _sharing == Sharing.None && queueIndex + 1 < _messages.Length ? _messages[queueIndex + 1] : null;

    /// <summary>Arranges for interrupts.</summary>
    /// <returns>Null, or why there are none.</returns>
    internal Failure? Connect(string deviceName, string[] queueNames, DeviceEventSink sink)
    {
        bool hasMessages = _machine.Interrupts.HasMessages;
        _table = hasMessages ? MsixTable.Open(_function, _machine) : null;
        if (_table == null)
        {
            Reason = !hasMessages ? "the machine takes no messages"
                : _function.FindCapability(CapabilityId.MsiX) == null ? "the function has no MSI-X"
                : "the function has no usable MSI-X table";
            return ConnectLine(deviceName, queueNames.Length, sink);
        }

        bool isShort = _machine.Interrupts.IsShortOfMessages;
        Reason = isShort ? "the machine is short of messages" : Reason;
        for (Sharing sharing = isShort ? Sharing.Everything : Sharing.None; sharing <= Sharing.Everything; sharing++)
        {
            if (TryConnectMessages(sharing, deviceName, queueNames, sink))
            {
                return null;
            }
        }

        return ConnectLine(deviceName, queueNames.Length, sink);
    }

    /// <summary>
    /// Makes sure that a queue is mapped to its vector, because the reset of a queue may have taken it away.
    /// </summary>
    /// <returns>Whether it is, or needs none because a line is used.</returns>
    internal bool TryKeepVector(ushort queueIndex)
    {
        int vector = VectorOf(queueIndex);
        return vector < 0 || _common.ReadQueueVector(queueIndex) == vector
            || _common.TrySetQueueVector(queueIndex, (ushort)vector);
    }

    /// <summary>Silences the function and gives back what it had. Bus mastering is off.</summary>
    internal void Disconnect()
    {
        _function.InterruptDisable = true;
        _table?.Disable();
        ReleaseMessages();
        _line?.Release();
        _line = null;
        Kind = "none";
        Reason = "not connected";
    }

    private static int VectorOf(Sharing sharing, int queueIndex) => sharing switch
    {
        Sharing.None => queueIndex + 1,
        Sharing.Queues => 1,
        _ => 0,
    };

    private static int VectorCountOf(Sharing sharing, int queueCount) => sharing switch
    {
        Sharing.None => queueCount + 1,
        Sharing.Queues => 2,
        _ => 1,
    };

    private bool TryConnectMessages(Sharing sharing, string deviceName, string[] queueNames, DeviceEventSink sink)
    {
        int count = VectorCountOf(sharing, queueNames.Length);
        if (count > _table!.VectorCount)
        {
            Reason = Number(_table.VectorCount) + " of the " + Number(count) + " vectors that it would take are there";
            return false;
        }

        _messages = new MessageInterrupt?[count];
        Failure? failure = Program(sharing, deviceName, queueNames, sink)
            ?? (!_table.Enable() ? new Failure("MSI-X does not let itself be turned on", isSentence: true) : null)
            ?? (!TryMap(sharing, queueNames.Length) ? new Failure("does not map " + Number(count) + " vectors") : null);
        if (failure is null)
        {
            if (sharing == Sharing.None)
            {
                Reason = Number(count) + " of " + Number(_table.VectorCount) + " vectors are used";
            }

            for (int vector = 0; vector < count; vector++)
            {
                _table.Unmask(vector);
            }

            _sharing = sharing;
            _function.InterruptDisable = true;
            Kind = "MSI-X, " + (sharing == Sharing.None ? "a vector per queue"
                : sharing == Sharing.Queues ? "queues share a vector" : "one vector");
            return true;
        }

        Reason = failure.Of("the device");
        Unmap(queueNames.Length);
        _table.Disable();
        ReleaseMessages();
        return false;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Sets messages aside and writes them into the table.</summary>
    /// <returns>Null, or why they are not there.</returns>
    private Failure? Program(Sharing sharing, string deviceName, string[] queueNames, DeviceEventSink sink)
    {
        for (int vector = 0; vector < _messages.Length; vector++)
        {
            // Which queues a vector serves: from firstQueue on, queueCount of them.
            int firstQueue = sharing == Sharing.None ? vector - 1 : 0;
            int queueCount = sharing == Sharing.None ? 1 : queueNames.Length;
            bool isConfiguration = vector == 0;
            if (isConfiguration && sharing != Sharing.Everything)
            {
                firstQueue = 0;
                queueCount = 0;
            }

            string purpose = queueCount == 1 ? queueNames[firstQueue] : queueCount == 0 ? "configuration" : "queues";
            MessageInterrupt? message = _machine.Interrupts.AllocateMessage(
                deviceName + " " + purpose, new VectorHandler(sink, firstQueue, queueCount, isConfiguration));
            _messages[vector] = message;
            if (message == null)
            {
                return new Failure(
                    "the machine has only " + Number(vector) + " messages left for it", isSentence: true);
            }

            if (!_table!.TryProgram(vector, message.Address, message.Data))
            {
                return new Failure("the function does not keep the message of a vector", isSentence: true);
            }
        }

        return null;
    }

    /// <summary>Maps events to vectors and makes sure that the device took each (virtio 1.4, 4.1.5.1.2.2).</summary>
    private bool TryMap(Sharing sharing, int queueCount)
    {
        if (!_common.TrySetConfigurationVector(0))
        {
            return false;
        }

        for (int i = 0; i < queueCount; i++)
        {
            if (!_common.TrySetQueueVector((ushort)i, (ushort)VectorOf(sharing, i)))
            {
                return false;
            }
        }

        return true;
    }

    private void Unmap(int queueCount)
    {
        _common.TrySetConfigurationVector(PciCommonConfiguration.NoVector);
        for (int i = 0; i < queueCount; i++)
        {
            _common.TrySetQueueVector((ushort)i, PciCommonConfiguration.NoVector);
        }
    }

    private Failure? ConnectLine(string deviceName, int queueCount, DeviceEventSink sink)
    {
        if (_isrStatus == null || _function.InterruptPin == 0)
        {
            return new Failure("has neither usable MSI-X vectors nor an interrupt line");
        }

        string line = Number(_function.InterruptLine);
        _line = _machine.Interrupts.AttachLine(
            _function.InterruptLine, deviceName, new LineHandler(sink, queueCount, _isrStatus));
        if (_line == null)
        {
            return new Failure(
                "has no interrupt: " + Reason + ", and the machine gives no share in interrupt line " + line);
        }

        // A device that is polled shows in its ISR status what it would have said.
        _function.InterruptDisable = _line.IsPolled;
        Kind = (_line.IsPolled ? "polled, INTx line " : "INTx line ") + line;
        return null;
    }

    private void ReleaseMessages()
    {
        for (int i = 0; i < _messages.Length; i++)
        {
            _messages[i]?.Release();
        }

        _messages = Array.Empty<MessageInterrupt?>();
    }

    /// <summary>Serves one vector: some of the queues, configuration changes, or both.</summary>
    private sealed class VectorHandler : InterruptHandler
    {
        private readonly DeviceEventSink _sink;
        private readonly int _firstQueue;
        private readonly int _queueCount;
        private readonly bool _isConfiguration;

        internal VectorHandler(DeviceEventSink sink, int firstQueue, int queueCount, bool isConfiguration)
        {
            _sink = sink;
            _firstQueue = firstQueue;
            _queueCount = queueCount;
            _isConfiguration = isConfiguration;
        }

        public override bool OnInterrupt()
        {
            for (int i = 0; i < _queueCount; i++)
            {
                _sink.OnUsedBuffers((ushort)(_firstQueue + i));
            }

            if (_isConfiguration)
            {
                _sink.OnConfigurationChange();
            }

            return true;
        }
    }

    /// <summary>
    /// Serves the line. Reading the ISR status byte takes both of its bits, so both are served at once.
    /// </summary>
    private sealed class LineHandler : InterruptHandler
    {
        private const byte QueueInterrupt = 1;
        private const byte ConfigurationInterrupt = 2;

        private readonly DeviceEventSink _sink;
        private readonly int _queueCount;
        private readonly MmioRegion _isrStatus;

        internal LineHandler(DeviceEventSink sink, int queueCount, MmioRegion isrStatus)
        {
            _sink = sink;
            _queueCount = queueCount;
            _isrStatus = isrStatus;
        }

        public override bool OnInterrupt()
        {
            byte status = _isrStatus.Read8(0);
            if ((status & QueueInterrupt) != 0)
            {
                for (int i = 0; i < _queueCount; i++)
                {
                    _sink.OnUsedBuffers((ushort)i);
                }
            }

            if ((status & ConfigurationInterrupt) != 0)
            {
                _sink.OnConfigurationChange();
            }

            return status != 0;
        }
    }
}
