using System;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Console;

/// <summary>
/// What a screen of text should show: a cursor, scrolling, the usual control characters; escape sequences are
/// swallowed.
/// </summary>
/// <remarks>
/// Cells hold printable ASCII only (0x20 to 0x7E). The grid notes which rows changed, the ones that the cursor left or
/// entered among them; a screen shows those and then calls <see cref="ClearDirty"/>.
/// </remarks>
internal unsafe struct TextGrid
{
    private const byte Escape = 0x1B;
    private const uint TabWidth = 8;

    /// <summary>The cells, row by row.</summary>
    public byte* Cells;

    public uint Columns;
    public uint Rows;

    /// <summary>The cursor's column; equal to <see cref="Columns"/> after a character in the last one.</summary>
    public uint Column;

    public uint Row;
    public uint DirtyFirst;

    /// <summary>The row after the last that changed; not above <see cref="DirtyFirst"/> where none did.</summary>
    public uint DirtyEnd;

    private EscapeState _state;

    /// <summary>Begins with an empty grid over cells that the caller owns.</summary>
    public void Attach(byte* cells, uint columns, uint rows)
    {
        Cells = cells;
        Columns = columns;
        Rows = rows;
        Column = 0;
        Row = 0;
        _state = EscapeState.None;
        Processor.Fill(cells, (byte)' ', (ulong)columns * rows);
        DirtyFirst = 0;
        DirtyEnd = rows;
    }

    /// <summary>The cell that the cursor stands on: the last of the row after a character there.</summary>
    public readonly uint CursorCell => (Row * Columns) + CursorColumn;

    private readonly uint CursorColumn => Math.Min(Column, Columns - 1);

    public void Put(byte value)
    {
        if (_state != EscapeState.None)
        {
            ContinueEscape(value);
            return;
        }

        switch (value)
        {
            case (byte)'\n':
                NewLine();
                break;
            case (byte)'\r':
                MoveTo(0);
                break;
            case (byte)'\b':
                MoveTo(Column == 0 ? 0 : CursorColumn - 1);
                break;
            case (byte)'\t':
                uint stop = (Column / TabWidth + 1) * TabWidth;
                MoveTo(Math.Min(stop, Columns - 1));
                break;
            case Escape:
                _state = EscapeState.Escape;
                break;
            default:
                Print(value);
                break;
        }
    }

    /// <summary>Marks every row as shown.</summary>
    public void ClearDirty()
    {
        DirtyFirst = Rows;
        DirtyEnd = 0;
    }

    private void Print(byte value)
    {
        // Text is UTF-8: one question mark for each character that there is no glyph for.
        bool isContinuation = (value & 0xC0) == 0x80;
        if (value < ' ' || value == 0x7F || isContinuation)
        {
            return;
        }

        if (Column >= Columns)
        {
            NewLine();
        }

        Cells[Row * Columns + Column] = value < 0x80 ? value : (byte)'?';
        MarkRow();
        Column++;
    }

    private void MoveTo(uint column)
    {
        Column = column;
        MarkRow();
    }

    private void NewLine()
    {
        MarkRow();
        Column = 0;
        if (Row + 1 < Rows)
        {
            Row++;
            MarkRow();
            return;
        }

        var kept = (ulong)Columns * (Rows - 1);
        Processor.Move(Cells, Cells + Columns, kept);
        Processor.Fill(Cells + kept, (byte)' ', Columns);
        DirtyFirst = 0;
        DirtyEnd = Rows;
    }

    private void MarkRow()
    {
        if (Row < DirtyFirst)
        {
            DirtyFirst = Row;
        }

        if (Row >= DirtyEnd)
        {
            DirtyEnd = Row + 1;
        }
    }

    // ECMA-48: ESC [ parameters (30-3F) intermediates (20-2F) final (40-7E); else ESC intermediates (20-2F) final.
    private void ContinueEscape(byte value)
    {
        if (value < ' ' || value >= 0x7F)
        {
            // This is no part of a sequence: do not swallow the output that follows.
            _state = EscapeState.None;
            Put(value);
        }
        else if (_state == EscapeState.Escape && value == '[')
        {
            _state = EscapeState.ControlSequence;
        }
        else if (_state == EscapeState.ControlSequence ? value >= 0x40 : value >= 0x30)
        {
            _state = EscapeState.None;
        }
    }

    private enum EscapeState : uint
    {
        None = 0,
        Escape = 1,
        ControlSequence = 2,
    }
}
